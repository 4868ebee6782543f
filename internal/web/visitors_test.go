//go:build linux

package web

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// So many connections may be open, and no more; one that ends makes room.
func TestVisitors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: http.NotFoundHandler(), ConnState: newVisitors(2).changed}
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	defer func() { server.Close(); <-done }()
	visit := func() net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		return conn
	}
	ask := func(conn net.Conn) bool {
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		n, _ := conn.Read(make([]byte, 8))
		return n > 0
	}
	first, second := visit(), visit()
	if !ask(first) || !ask(second) {
		t.Fatal("who may come is turned away")
	}
	if ask(visit()) {
		t.Fatal("there is no bound")
	}
	first.Close()
	for !ask(visit()) { // until the server has noticed
		if t.Context().Err() != nil {
			t.Fatal("nobody is let in any more")
		}
	}
}
