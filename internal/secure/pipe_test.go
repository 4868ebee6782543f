//go:build linux

package secure

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/chattest"
)

// An end is how one side ends a connection.
type end int

const (
	endsStream end = iota // in order: TLS, or the stream of the socket pair
	closes                // everything at once, after what it sent
	endsTCP               // without the end of TLS
)

// Whatever the two sides send, in pieces of any size, and however one of them ends: the
// other receives all that was sent before, and then the end; nothing stays.
func TestPipe(t *testing.T) {
	clients := make(chan Client, 1)
	p := open(t, Config{}, func(c Client) { clients <- c })
	before := chattest.Sockets(t)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		client := p.dial()
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		server := serverEnd(t, <-clients)
		up, down := random(rng), random(rng)
		var both sync.WaitGroup
		both.Go(func() { sendPieces(client, up, rand.New(rand.NewPCG(seed, 2))) })
		both.Go(func() { sendPieces(server, down, rand.New(rand.NewPCG(seed, 3))) })
		both.Go(func() { expectBytes(t, "the server", server, up) })
		both.Go(func() { expectBytes(t, "the client", client, down) })
		both.Wait()

		// One side says something more, and ends. The other does so when it hears that.
		last := random(rng)
		if seed%2 == 0 {
			how := end(rng.IntN(int(endsTCP) + 1))
			both.Go(func() {
				client.Write(last)
				switch how {
				case endsStream:
					client.CloseWrite()
				case closes:
					client.Close()
				case endsTCP:
					client.NetConn().(*net.TCPConn).CloseWrite()
				}
			})
			expectBytes(t, "the server", server, last)
			expectEnd(t, "the server", server)
			both.Wait()
			if how == endsStream { // it still reads
				both.Go(func() { server.Write(down); server.Close() })
				expectBytes(t, "the client", client, down)
				expectEnd(t, "the client", client)
				both.Wait()
			}
			server.Close()
		} else {
			isUnread := rng.IntN(2) == 0 // something of the client's is, when the server closes
			if isUnread {
				client.Write([]byte("unread"))
			}
			both.Go(func() { server.Write(last); server.Close() })
			expectBytes(t, "the client", client, last)
			expectEnd(t, "the client", client)
			both.Wait()
			client.Close()
		}
		client.NetConn().Close()
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
	chattest.Eventually(t, "all is closed", chattest.Patience, func() bool { return p.live() == 0 && chattest.Sockets(t) <= before })
}

// random returns up to 200 KB.
func random(rng *rand.Rand) []byte {
	b := make([]byte, rng.IntN([]int{1, 100, 20_000, 200_000}[rng.IntN(4)]))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func sendPieces(to io.Writer, b []byte, rng *rand.Rand) {
	for len(b) > 0 {
		n := min(len(b), 1+rng.IntN([]int{10, 1000, 50_000}[rng.IntN(3)]))
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

func expectBytes(t *testing.T, who string, from io.Reader, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(from, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s received %d bytes of %d, %v; equal: %v", who, n, len(want), err, bytes.Equal(got, want))
	}
}

func expectEnd(t *testing.T, who string, from io.Reader) {
	t.Helper()
	if n, err := from.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		t.Errorf("%s received %d bytes and %v, want the end", who, n, err)
	}
}

// When a client's connection is reset, what came before is passed on unchanged, and then
// the end; nothing stays.
func TestReset(t *testing.T) {
	p, client, server := connect(t, Config{})
	sent := make([]byte, 100_000)
	for i := range sent {
		sent[i] = byte(i / 100)
	}
	if _, err := client.Write(sent); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1000)
	if _, err := io.ReadFull(server, first); err != nil {
		t.Fatal(err)
	}
	tcp := client.NetConn().(*net.TCPConn)
	tcp.SetLinger(0)
	tcp.Close()
	rest, err := io.ReadAll(server)
	if err != nil || !bytes.HasPrefix(sent, append(first, rest...)) {
		t.Errorf("received %d bytes and %v, which are not what was sent", len(first)+len(rest), err)
	}
	server.Close()
	chattest.Eventually(t, "the pipe ends", chattest.Patience, func() bool { return p.live() == 0 })
}

// A client that reads nothing does not keep its pipe when the server has closed its end:
// it is reset soon after.
func TestClientThatNeverReads(t *testing.T) {
	p, client, server := connect(t, Config{overdue: overdueChecks})
	client.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	server.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		if _, err := server.Write(make([]byte, 10_000)); err != nil {
			break
		}
	}
	server.Close()
	began := time.Now()
	chattest.Eventually(t, "the pipe ends", chattest.Patience, func() bool { return p.live() == 0 })
	if took := time.Since(began); took < p.config.overdue {
		t.Errorf("the pipe ended after %v, want %v at least, for what was left", took, p.config.overdue)
	}
	chattest.Eventually(t, "the connection is reset", chattest.Patience, func() bool {
		_, err := client.NetConn().Write([]byte{0})
		return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	})
}

// A client that takes nothing does not keep the server from ending.
func TestCloseResets(t *testing.T) {
	p, client, server := connect(t, Config{closing: 100 * time.Millisecond})
	client.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	server.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		if _, err := server.Write(make([]byte, 10_000)); err != nil {
			break
		}
	}
	p.stop()
	if n := p.live(); n != 0 {
		t.Errorf("%d pipes are left", n)
	}
}

// A client that reads slowly receives all that was written before the server closed its
// end.
func TestSlowClientReceivesAll(t *testing.T) {
	_, client, server := connect(t, Config{})
	var written int
	server.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	for {
		n, err := server.Write(make([]byte, 10_000))
		if written += n; err != nil {
			break
		}
	}
	server.Close()
	read := 0
	for b := make([]byte, 64<<10); ; {
		n, err := client.Read(b)
		if read += n; err != nil {
			if err != io.EOF || read != written {
				t.Errorf("received %d bytes of %d, then %v", read, written, err)
			}
			return
		}
	}
}

// What is between the server and a client that does not read is bounded.
func TestBetween(t *testing.T) {
	_, client, server := connect(t, Config{})
	client.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10)
	server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	written := 0
	for {
		n, err := server.Write(make([]byte, 512))
		if written += n; err != nil {
			break
		}
	}
	t.Logf("%d KiB are between them", written>>10)
	const most = 512 << 10
	if written > most {
		t.Errorf("%d bytes were written, want %d at most", written, most)
	}
}
