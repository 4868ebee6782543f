//go:build linux

package netpoll

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

const (
	memoryPieces = 8
	pieceSize    = 16 << 10
)

func newMemory(t rapid.TB) *Memory {
	m, err := NewMemory(memoryPieces, pieceSize)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A lender is memory that is used and sent at random, and what is known of it.
type lender struct {
	*Memory
	poller  *Poller
	to      int // a socket
	taken   [][]byte
	written map[*byte][]byte // by piece
	lent    map[*byte]bool
	sent    []byte // what the socket's other side has yet to read
	content *rand.ChaCha8
}

func (l *lender) take(t *rapid.T) {
	if len(l.taken) == memoryPieces {
		t.Skip("all are taken")
	}
	piece := l.Take()
	if len(piece) != pieceSize || cap(piece) != pieceSize || l.written[&piece[0]] != nil {
		t.Fatalf("a piece of %d bytes, or one that is taken already", len(piece))
	}
	l.content.Read(piece)
	l.taken = append(l.taken, piece)
	l.written[&piece[0]] = bytes.Clone(piece)
}

func (l *lender) choose(t *rapid.T) int {
	if len(l.taken) == 0 {
		t.Skip("none is taken")
	}
	return rapid.IntRange(0, len(l.taken)-1).Draw(t, "piece")
}

func (l *lender) give(t *rapid.T) {
	i := l.choose(t)
	piece := l.taken[i]
	if !bytes.Equal(piece, l.written[&piece[0]]) {
		t.Fatal("a piece that is taken has changed")
	}
	l.Give(piece, l.lent[&piece[0]])
	delete(l.written, &piece[0])
	delete(l.lent, &piece[0])
	l.taken = slices.Delete(l.taken, i, i+1)
}

func (l *lender) send(t *rapid.T) {
	piece := l.taken[l.choose(t)]
	from := rapid.IntRange(0, pieceSize-1).Draw(t, "from")
	part := piece[from : from+rapid.IntRange(1, pieceSize-from).Draw(t, "bytes")]
	l.lent[&piece[0]] = true
	n, errno := l.poller.Sendfile(l.to, l.File(), l.Offset(part), len(part))
	if errno != 0 && errno != syscall.EAGAIN || n > len(part) {
		t.Fatalf("sending %d bytes: %d, %v", len(part), n, errno)
	}
	l.sent = append(l.sent, part[:n]...)
}

func (l *lender) receive(t *rapid.T, from int) {
	b := make([]byte, rapid.IntRange(1, 4*pieceSize).Draw(t, "bytes"))
	n, errno := l.poller.Read(from, b)
	switch {
	case errno == syscall.EAGAIN && len(l.sent) == 0:
	case errno != 0 || !bytes.Equal(b[:n], l.sent[:n]):
		t.Fatalf("received %d bytes that are not what was sent: %v", n, errno)
	}
	l.sent = l.sent[n:]
}

// Whatever is taken, sent and given back in whichever order: no piece is taken
// twice, and what was sent arrives as it was when it was sent.
func TestMemory(t *testing.T) {
	poller := newPoller(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory(t)
		defer m.Close()
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(os.NewSyscallError("socketpair", err))
		}
		defer Close(fds[0])
		defer Close(fds[1])
		l := &lender{
			Memory: m, poller: poller, to: fds[0],
			written: map[*byte][]byte{}, lent: map[*byte]bool{},
			content: rand.NewChaCha8([32]byte{}),
		}
		t.Repeat(map[string]func(*rapid.T){
			"take":    l.take,
			"give":    l.give,
			"send":    l.send,
			"receive": func(t *rapid.T) { l.receive(t, fds[1]) },
		})
	})
}

// What is used again and again is always the same; what is lent, and so gets new
// pages in any case, lies in one row.
func TestMemoryPlaces(t *testing.T) {
	m := newMemory(t)
	defer m.Close()
	first, second := m.Take(), m.Take()
	for range 3 * memoryPieces {
		m.Give(first, false)
		if again := m.Take(); &again[0] != &first[0] {
			t.Fatalf("the piece at %d is taken, want that at %d, which was used last", m.Offset(again), m.Offset(first))
		}
	}
	m.Give(first, true)
	m.Give(second, true)
	for want := m.Offset(first) + pieceSize; want < memoryPieces*pieceSize; want += pieceSize {
		piece := m.Take()
		if got := m.Offset(piece); got != want {
			t.Fatalf("the piece at %d is taken, want that at %d, behind the last", got, want)
		}
		m.Give(piece, true)
	}
	if got := m.Offset(m.Take()); got != 0 {
		t.Errorf("behind the last piece comes that at %d, want the first", got)
	}
}
