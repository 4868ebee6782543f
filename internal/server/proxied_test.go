//go:build linux

package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

const (
	version1 = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 9000\r\n"
	version2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x2a" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04\x23\x28" + "\x04\x00\x03abc"
	local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

// messages returns what a client says that joins and sends texts.
func messages(t *testing.T, name string, texts ...string) string {
	t.Helper()
	var all strings.Builder
	for _, text := range append([]string{chattest.Key}, texts...) {
		m, err := wire.New(name, text)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(m[:])
	}
	return all.String()
}

// A client that comes by a trusted proxy has its own address, whatever pieces its bytes
// come in, and nothing of what it says is lost. Without a header, or with one that names
// no client, the address is the proxy's.
func TestProxied(t *testing.T) {
	for _, test := range []struct{ what, header, client string }{
		{"version 1", version1, "192.0.2.1:56324"},
		{"version 2", version2, "[2001:db8::1]:56324"},
		{"a proxy's own", local, ""},
		{"unknown", "PROXY UNKNOWN\r\n", ""},
		{"without a header", "", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := chattest.Start(t, server.Config{Proxies: loopback})
			accepted := noticesOf(s, broadcast.Accepted)
			alice := s.Join(t, "alice")
			<-accepted
			said := test.header + messages(t, "bob", "hello", "and bye")
			header := len(test.header)
			for _, cuts := range [][]int{{}, {header}, {1}, {5, header + 1}, {16, header + 511}, {header + wire.Size + 1}, everyByte(header + 3)} {
				bob := s.Connect(t)
				at := 0
				slices.Sort(cuts)
				for _, cut := range append(cuts, len(said)) {
					bob.Write([]byte(said[at:cut]))
					at = cut
				}
				want := test.client
				if want == "" {
					want = bob.LocalAddr().String()
				}
				if n := <-accepted; n.From.Name != "bob" || n.From.Addr.String() != want {
					t.Errorf("cut at %v: %q from %v, want bob from %s", cuts, n.From.Name, n.From.Addr, want)
				}
				alice.Expect("bob", "hello")
				alice.Expect("bob", "and bye")
				if echo := bob.Receive(); string(echo.Name()) != "bob" {
					t.Errorf("cut at %v: the echo is from %q", cuts, echo.Name())
				}
				bob.Close()
			}
		})
	}
}

func everyByte(n int) (cuts []int) {
	for i := range n {
		cuts = append(cuts, i)
	}
	return cuts
}

// noticesOf returns a channel of the notices of a kind in a server's first room.
func noticesOf(s *chattest.Server, kind broadcast.NoticeKind) <-chan *broadcast.Notice {
	follower, found := s.Log().FollowSkipping(), make(chan *broadcast.Notice, 16)
	go func() {
		defer follower.Close()
		entries := make([]broadcast.Entry, 16)
		for {
			n, err := follower.Next(context.Background(), entries)
			for _, e := range entries[:n] {
				if e.Notice != nil && e.Notice.Kind == kind {
					found <- e.Notice
				}
			}
			if err != nil || n == 0 {
				return
			}
		}
	}()
	return found
}

// From an address that is not trusted a header is the beginning of the first message.
func TestUntrustedHeader(t *testing.T) {
	for _, proxies := range [][]netip.Prefix{nil, {netip.MustParsePrefix("192.0.2.0/24")}} {
		s := chattest.Start(t, server.Config{Proxies: proxies})
		refused := noticesOf(s, broadcast.Refused)
		eve := s.Connect(t)
		eve.Write([]byte(version1 + messages(t, "eve")))
		if n := <-refused; n.From.Name != version1+"eve" || n.From.Addr.String() != eve.LocalAddr().String() {
			t.Errorf("refused: %q from %v", n.From.Name, n.From.Addr)
		}
		eve.ExpectEnd()
	}
}

// What a proxy says wrong ends the connection, and the log says what it was. In a full
// room, the log has the address of the client that is refused.
func TestProxiedAndRefused(t *testing.T) {
	var log bytes.Buffer
	s := chattest.Start(t, server.Config{Proxies: loopback, Logger: slog.New(slog.NewTextHandler(&log, nil))}, server.RoomConfig{MaxClients: 1})
	bad := s.Connect(t)
	bad.Write([]byte(strings.Replace(version1, "TCP4", "TCP5", 1)))
	bad.ExpectEnd()
	short := s.Connect(t)
	short.Write([]byte(version2[:20]))
	short.CloseWrite()
	short.ExpectEnd()
	s.Join(t, "alice")
	late := s.Connect(t)
	late.Write([]byte(version1))
	late.ExpectEnd()
	s.Stop(t)
	for _, want := range []string{
		bad.LocalAddr().String() + ` reason="its PROXY header is invalid: \"TCP5\" is neither TCP4, TCP6 nor UNKNOWN"`,
		short.LocalAddr().String() + ` reason="closed the connection within its PROXY header"`,
		`192.0.2.1:56324 reason="the room is full"`,
	} {
		if !strings.Contains(log.String(), "address="+want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
}
