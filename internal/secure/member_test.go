//go:build linux

package secure

import (
	"crypto/tls"
	"io"
	"testing"

	"sop-chat/internal/wire"
)

// A member is a client that is in the room over TLS.
type member struct {
	*tls.Conn
	t    testing.TB
	name string
}

func (m *member) send(text string) {
	m.t.Helper()
	message, err := wire.New(m.name, text)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.Write(message[:]); err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
}

// receive takes the next message and returns its name and text.
func (m *member) receive() string {
	m.t.Helper()
	var message wire.Message
	if _, err := io.ReadFull(m, message[:]); err != nil {
		m.t.Fatalf("%s waits for a message: %v", m.name, err)
	}
	return string(message.Name()) + ": " + string(message.Text())
}

func (m *member) expect(want string) {
	m.t.Helper()
	if got := m.receive(); got != want {
		m.t.Fatalf("%s received %q, want %q", m.name, got, want)
	}
}

// expectEnd checks that TLS is ended in order, and nothing comes before.
func (m *member) expectEnd() {
	m.t.Helper()
	if n, err := m.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		m.t.Fatalf("%s received %d bytes and %v, want the end of TLS", m.name, n, err)
	}
}
