//go:build linux

package gateway

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// However a browser goes at whatever point of the handoff, its socket is closed once:
// none stays, and no descriptor of anybody else's is closed in its place.
//
// With SOP_CHAT_E2E=full it is 100,000 handoffs.
func TestHandoffs(t *testing.T) {
	handoffs := 2_000
	if os.Getenv("SOP_CHAT_E2E") == "full" {
		handoffs = 100_000
	}
	r := start(t, server.Config{AuthTimeout: 20 * time.Millisecond}, Config{MaxPending: 64, MaxPendingPerAddress: 64})
	address := strings.TrimPrefix(r.url, "ws://")
	before := chattest.Sockets(t)
	const visitors = 8
	var running sync.WaitGroup
	for i := range visitors {
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			for range handoffs / visitors {
				if conn, err := net.Dial("tcp", address); err == nil {
					comeAndGo(conn.(*net.TCPConn), rng)
				}
			}
		})
	}
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := usePipe(); err != nil {
				t.Errorf("a descriptor was closed that was not the server's: %v", err)
				return
			}
		}
	}()
	running.Wait()
	close(stop)
	<-watched
	chattest.Eventually(t, "all sockets are closed", chattest.Patience, func() bool { return chattest.Sockets(t) <= before })
	r.join(t, "web")
}

// comeAndGo opens a WebSocket, or begins to, and leaves in some way.
func comeAndGo(conn *net.TCPConn, rng *rand.Rand) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(chattest.Patience))
	if rng.IntN(3) == 0 {
		conn.SetLinger(0) // a reset
	}
	m := message("visitor", []string{chattest.Key, "guess"}[rng.IntN(2)])
	said := upgradeRequest + string(header(fin|binaryFrame, uint64(len(m)))) + string(m[:])
	switch rng.IntN(4) {
	case 0: // goes within the request, or right behind it
		io.WriteString(conn, said[:rng.IntN(len(upgradeRequest)+1)])
	case 1: // says more before it has an answer
		io.WriteString(conn, said[:len(upgradeRequest)+rng.IntN(len(m))])
	case 2: // goes when the answer begins
		io.WriteString(conn, said)
		io.CopyN(io.Discard, conn, 1)
	case 3: // waits for the answer, and something behind it
		io.WriteString(conn, said)
		io.CopyN(io.Discard, conn, 150)
	}
}

// usePipe opens a pipe, and uses it after others had the time to close it.
func usePipe() error {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return err
	}
	for range 100 {
		runtime.Gosched()
	}
	var was [1]byte
	if _, err := syscall.Write(ends[1], []byte{42}); err != nil {
		return err
	}
	if _, err := syscall.Read(ends[0], was[:]); err != nil {
		return err
	}
	if err := syscall.Close(ends[0]); err != nil {
		return err
	}
	return syscall.Close(ends[1])
}
