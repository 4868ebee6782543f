//go:build linux

package netpoll

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"sop-chat/internal/testenv"
)

const (
	memoryPieces = 8
	pieceSize    = 16 << 10
)

func newMemory(t rapid.TB) *Memory { return newMemoryThatMayStop(t, func(err error) { t.Error(err) }) }

func newMemoryThatMayStop(t rapid.TB, onStop func(error)) *Memory {
	m, err := NewMemory(memoryPieces, pieceSize, onStop)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A lender is a Memory that is used and sent at random, and what it must hold.
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
	if !l.Lends() {
		t.Skip("it does not lend")
	}
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

// seal makes punching fail from now on, as it always does on some systems.
func (l *lender) seal(t *rapid.T) {
	if _, err := unix.FcntlInt(uintptr(l.File()), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE); err != nil {
		t.Skip(err) // it is sealed or closed, or the system knows no such seal
	}
}

// In whatever order pieces are taken, sent and given back, and also when pages
// can't be punched out: no piece is taken twice, and what was sent arrives
// unchanged.
func TestMemory(t *testing.T) {
	poller := newPoller(t)
	rapid.Check(t, func(t *rapid.T) {
		stops := 0
		m := newMemoryThatMayStop(t, func(error) { stops++ })
		defer func() {
			if stops > 1 || m.Lends() == (stops == 1) {
				t.Errorf("it stops lending %d times, and lends: %v", stops, m.Lends())
			}
			m.Close()
		}()
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
			"seal":    l.seal,
		})
	})
}

// Pieces that are not lent are reused at once. Pieces that are lent, which get new
// pages in any case, are contiguous.
func TestMemoryOrder(t *testing.T) {
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

// When pages can't be punched out, nothing is lent any more, and the file is
// closed as soon as no piece of it is in use. What was sent from it still arrives.
func TestMemoryThatCannotPunch(t *testing.T) {
	var why error
	m := newMemoryThatMayStop(t, func(err error) { why = err })
	defer m.Close()
	if _, err := unix.FcntlInt(uintptr(m.File()), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE); err != nil {
		testenv.Lacks(t, "a seal that makes punching fail (Linux 5.1): "+err.Error())
	}
	file := m.File()
	first, second := m.Take(), m.Take()
	m.Give(first, true)
	if !errors.Is(why, syscall.EPERM) || m.Lends() {
		t.Fatalf("it can't punch, says %v, and lends: %v", why, m.Lends())
	}
	third := m.Take()
	m.Give(third, false)
	if again := m.Take(); &again[0] != &third[0] || len(again) != pieceSize {
		t.Error("the program's own memory is not used again")
	}
	if _, err := unix.FcntlInt(uintptr(file), unix.F_GETFD, 0); err != nil {
		t.Errorf("the file is closed while a piece of it is in use: %v", err)
	}
	m.Give(second, false)
	if _, err := unix.FcntlInt(uintptr(file), unix.F_GETFD, 0); err != syscall.EBADF {
		t.Errorf("the file is still there when nothing of it is in use: %v", err)
	}
}
