//go:build linux

package torture

import (
	"net"
	"testing"
	"time"
)

// sharesNames checks that the names and the slots of a room are those of three servers together, and that
// of two clients that take one name at once the later one is disconnected.
func sharesNames(t *testing.T, first, second, third *chatServer) {
	host, _, _ := net.SplitHostPort(first.chat)
	enters := func(s *chatServer, client int32) net.Conn {
		conn, err := tryAs(s, host, small, client)
		if err != nil {
			return nil
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	becomes := func(what string, is func() bool) {
		t.Helper()
		if !eventually(time.Minute, is) {
			t.Fatal("it does not come to that: " + what)
		}
	}
	refuses := func(s *chatServer, client int32) func() bool {
		return func() bool {
			conn := enters(s, client)
			if conn != nil {
				conn.Close()
			}
			return conn == nil
		}
	}
	var ann, bob net.Conn
	becomes("one client is in", func() bool { ann = enters(first, 1); return ann != nil })
	becomes("its name is taken elsewhere", refuses(third, 1))
	becomes("two take one name at once", func() bool {
		bob = enters(second, 2)
		late := enters(third, 2)
		if bob == nil || late == nil {
			for _, conn := range []net.Conn{bob, late} {
				if conn != nil {
					conn.Close()
				}
			}
			return false
		}
		ends(t, late)
		return true
	})
	becomes("a third one is in", func() bool { return enters(third, 3) != nil })
	becomes("the room is full", refuses(first, 4))
	ann.Close()
	becomes("a slot is free", func() bool { return enters(second, 1) != nil })
	becomes("the first of the two is in, and its name is taken", refuses(third, 2))
}
