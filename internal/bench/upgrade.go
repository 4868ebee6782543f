package bench

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"sop-chat/internal/english"
	"sop-chat/internal/websocket"
)

// A WebSocket says which one a Dialect is spoken through.
type WebSocket struct {
	// Path is where the WebSocket is, such as /ws.
	Path string
}

// maxUpgrade is how long the answer to an upgrade may be, in bytes.
const maxUpgrade = 16 << 10

// An upgrade is the request that turns an HTTP connection into a WebSocket, see
// RFC 6455 section 4.
type upgrade struct {
	host, path  string
	subprotocol string // that is asked for, or ""
	key         string
	answer      []byte
	agreed      bool // the server speaks the subprotocol
}

// newUpgrade returns the request to a server, which is asked for by a host, or by its
// address if that is empty.
func newUpgrade(w *WebSocket, subprotocol, host string, to netip.AddrPort) *upgrade {
	var nonce [16]byte
	rand.Read(nonce[:]) // which never fails
	u := &upgrade{host: host, path: w.Path, subprotocol: subprotocol, key: base64.StdEncoding.EncodeToString(nonce[:])}
	if u.host == "" {
		u.host = to.String()
	}
	return u
}

func (u *upgrade) request() []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: %s\r\n", u.path, u.host, u.key, websocket.Version)
	if u.subprotocol != "" {
		b = fmt.Appendf(b, "Sec-WebSocket-Protocol: %s\r\n", u.subprotocol)
	}
	return append(b, "\r\n"...)
}

// read takes a part of the answer. When that is whole it returns what came
// behind it, or why there is no WebSocket.
func (u *upgrade) read(b []byte) (whole bool, rest []byte, err error) {
	u.answer = append(u.answer, b...)
	const prefix = "HTTP/1."
	if n := min(len(u.answer), len(prefix)); string(u.answer[:n]) != prefix[:n] {
		return false, nil, fmt.Errorf("the server does not speak HTTP: it answers %.40q to the request for a WebSocket", u.answer)
	}
	header, rest, whole := bytes.Cut(u.answer, []byte("\r\n\r\n"))
	switch {
	case !whole && len(u.answer) > maxUpgrade:
		return false, nil, fmt.Errorf("the answer to the request for a WebSocket has no end within %s", english.Count(maxUpgrade, "byte"))
	case !whole:
		return false, nil, nil
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(u.answer[:len(header)+4])), nil)
	if err != nil {
		return false, nil, fmt.Errorf("the answer to the request for a WebSocket can't be read: %w", err)
	}
	return true, rest, u.check(answer, rest)
}

// check reports what keeps an answer from opening a WebSocket.
func (u *upgrade) check(answer *http.Response, body []byte) error {
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return u.refusal(answer, body)
	}
	for name, asked := range map[string]string{"Sec-WebSocket-Extensions": "", "Sec-WebSocket-Protocol": u.subprotocol} {
		if value := answer.Header.Get(name); value != "" && value != asked {
			return fmt.Errorf("the server chooses %q for %s, which was not asked for", value, name)
		}
	}
	u.agreed = u.subprotocol != "" && answer.Header.Get("Sec-WebSocket-Protocol") == u.subprotocol
	upgrade, connection := answer.Header.Get("Upgrade"), answer.Header.Get("Connection")
	if !strings.EqualFold(upgrade, "websocket") || !strings.Contains(strings.ToLower(connection), "upgrade") {
		return fmt.Errorf("the server switches to another protocol than WebSocket: Upgrade: %.40q, Connection: %.40q", upgrade, connection)
	}
	if got, want := answer.Header.Get("Sec-WebSocket-Accept"), websocket.AcceptKey(u.key); got != want {
		return fmt.Errorf("the server's Sec-WebSocket-Accept is %.40q, where %q belongs: it did not read the request", got, want)
	}
	return nil
}

// refusal says what an answer that opens no WebSocket means.
func (u *upgrade) refusal(answer *http.Response, body []byte) error {
	why := "it speaks HTTP, but opens no WebSocket there"
	switch answer.StatusCode {
	case http.StatusNotFound:
		why = "there is nothing at that path"
	case http.StatusForbidden:
		why = "it lets nobody in from here"
	case http.StatusMisdirectedRequest:
		why = "it serves the page for other hosts (--web-origin)"
	case http.StatusServiceUnavailable:
		why = "it has no room for another connection"
	}
	err := fmt.Errorf("the server answers %q to the request for a WebSocket at http://%s%s: %s",
		answer.Status, u.host, u.path, why)
	if line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n"); line != "" && answer.StatusCode >= 400 &&
		strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") {
		err = fmt.Errorf("%w. It says: %.200q", err, line)
	}
	return err
}

// unanswered says that a connection ended before the answer to an upgrade was
// there.
func (u *upgrade) unanswered(cause error) error {
	if errors.Is(cause, io.EOF) {
		return errors.New("the server ended the connection instead of answering the request for a WebSocket: " +
			"is this the port of the page (--web)?")
	}
	return fmt.Errorf("the connection ended before the request for a WebSocket was answered: %w", cause)
}
