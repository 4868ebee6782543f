//go:build linux

package torture

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// Operators of a cluster act on the clients of all servers, whichever they ask, and what they
// ban is banned at a server that starts later, until they remove it at any of them.
func TestOperators(t *testing.T) {
	t.Parallel()
	network := network()
	startNode(t, nodeConfig{Name: nodeName(0), Host: network + "1", Folder: t.TempDir()})
	start := func(i int) *chatServer {
		return startServer(t, serverName(i), network+strconv.Itoa(11+i), "--cluster", "nats://"+net.JoinHostPort(network+"1", strconv.Itoa(clientPort)),
			"--cluster-name", clusterName, "--cluster-replicas", "1", "--cluster-server", serverName(i), "--admin", "./admin.sock")
	}
	first, second := start(0), start(1)
	const room = "one"
	alice := enter(t, first, network+"65", room)
	eve := enter(t, second, network+"66", room)
	says(t, first, []string{"who", room}, "s1 ", " "+network+"65:", "\ns2 ", " "+network+"66:")

	says(t, first, []string{"say", "--room", room, "hello"}, "said in one")
	for _, conn := range []net.Conn{alice, eve} {
		m := make([]byte, wire.Size)
		if _, err := io.ReadFull(conn, m); err != nil || !strings.HasPrefix(string(m[wire.NameSize:]), "hello\x00") {
			t.Errorf("%s receives %.40q: %v", conn.LocalAddr(), m, err)
		}
	}
	says(t, first, []string{"kick", network + "66"}, "disconnected ", " in one at s2\n")
	ends(t, eve)

	eve = enter(t, second, network+"66", room)
	says(t, first, []string{"ban", network + "66", "--for", "1h"}, " at all servers until 20", "disconnected ", " in one at s2\n")
	ends(t, eve)
	third := start(2)
	enter(t, third, network+"67", room)
	says(t, third, []string{"bans"}, network+"66 ", ", at s1")
	if conn, err := try(third, network+"66", room); err == nil {
		conn.Close()
		t.Error("a client that is banned gets in")
	}
	says(t, third, []string{"unban", network + "66"}, "is not banned any more")
	for _, s := range []*chatServer{first, second, third} {
		enter(t, s, network+"66", room)
		says(t, s, []string{"bans"}, "nobody is banned")
	}
	sharesNames(t, first, second, third)
	for _, s := range []*chatServer{first, second, third} {
		s.finish(t)
	}
}

// says has a server do what an operator asks for, until it says some texts: servers hear of
// others soon after they have started.
func says(t *testing.T, s *chatServer, args []string, texts ...string) {
	t.Helper()
	var said string
	var err error
	if !eventually(time.Minute, func() bool {
		said, err = s.admin(t, args...)
		for _, text := range texts {
			if !strings.Contains(said, text) {
				return false
			}
		}
		return err == nil
	}) {
		t.Fatalf("%q at %s: %s%v; want %q", args, s.name, said, err, texts)
	}
}

// enter has a client join a room from an address, as soon as the server lets it in.
func enter(t *testing.T, s *chatServer, from, room string) (conn net.Conn) {
	t.Helper()
	var err error
	if !eventually(time.Minute, func() bool {
		conn, err = try(s, from, room)
		return err == nil
	}) {
		t.Fatalf("a client does not get into %s: %v", s.name, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// try has a client try to join a room from an address.
func try(s *chatServer, from, room string) (net.Conn, error) { return tryAs(s, from, room, 1) }

// tryAs is try for a client with a number.
func tryAs(s *chatServer, from, room string, client int32) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", s.chat)
	if err != nil {
		return nil, err
	}
	first, echo := firstMessage(client, room), make([]byte, wire.Size)
	conn.SetDeadline(time.Now().Add(time.Minute))
	_, err = conn.Write(first[:])
	if err == nil {
		_, err = io.ReadFull(conn, echo)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// ends waits for the end of a connection.
func ends(t *testing.T, conn net.Conn) {
	t.Helper()
	if n, err := io.Copy(io.Discard, conn); n > 0 || errors.Is(err, io.EOF) || conn.SetDeadline(time.Time{}) != nil {
		t.Errorf("the connection does not end, or receives %d bytes: %v", n, err)
	}
}
