//go:build linux

package netpoll

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
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
	last    []byte // the piece taken last
	sent    []byte // what the socket's other side has yet to read
	content *rand.ChaCha8
}

func (l *lender) take(t *rapid.T) {
	if len(l.taken) == 3*memoryPieces {
		t.Skip("enough are taken")
	}
	piece := l.Take(l.last)
	l.last = piece
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
	first := m.Take(nil)
	second := m.Take(first)
	for range 3 * memoryPieces {
		m.Give(first, false)
		if again := m.Take(second); &again[0] != &first[0] {
			t.Fatalf("the piece at %d is taken, want that at %d, which was used last", m.Offset(again), m.Offset(first))
		}
	}
	last := m.Offset(first)
	m.Give(first, true)
	m.Give(second, true)
	piece := first
	for want := last + pieceSize; want < memoryPieces*pieceSize; want += pieceSize {
		piece = m.Take(piece)
		if got := m.Offset(piece); got != want {
			t.Fatalf("the piece at %d is taken, want that at %d, behind the last", got, want)
		}
		m.Give(piece, true)
	}
	if got := m.Offset(m.Take(piece)); got != 0 {
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
	first := m.Take(nil)
	second := m.Take(first)
	m.Give(first, true)
	if !errors.Is(why, syscall.EPERM) || m.Lends() {
		t.Fatalf("it can't punch, says %v, and lends: %v", why, m.Lends())
	}
	third := m.Take(second)
	m.Give(third, false)
	if again := m.Take(third); &again[0] != &third[0] || len(again) != pieceSize {
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

// Logs that take pieces in turn each get pieces that are contiguous, as long as there is
// space behind the last; and all pieces of the file when they take more than an extent.
func TestMemoryOfManyLogs(t *testing.T) {
	m := newMemory(t)
	defer m.Close()
	offsets := map[int64]bool{}
	var all [][]byte
	for range 3*memoryPieces - 1 {
		all = append(all, m.Take(nil))
		offsets[m.Offset(all[len(all)-1])] = true
	}
	for offset := int64(0); offset < int64(len(all))*pieceSize; offset += pieceSize {
		if !offsets[offset] {
			t.Fatalf("no piece at %d is taken, of %d", offset, len(all))
		}
	}
	for i, piece := range all {
		copy(piece, strconv.Itoa(i))
	}
	for i, piece := range all {
		if !bytes.HasPrefix(piece, []byte(strconv.Itoa(i))) {
			t.Fatalf("piece %d has become another", i)
		}
		m.Give(piece, true)
	}
	a, b := m.Take(all[0]), m.Take(all[4])
	for range 3 {
		nextA, nextB := m.Take(a), m.Take(b)
		if m.Offset(nextA) != m.Offset(a)+pieceSize || m.Offset(nextB) != m.Offset(b)+pieceSize {
			t.Fatalf("behind pieces at %d and %d come those at %d and %d", m.Offset(a), m.Offset(b), m.Offset(nextA), m.Offset(nextB))
		}
		a, b = nextA, nextB
	}
}

// The file is closed when the memory is and its last piece has been given back.
func TestMemoryClose(t *testing.T) {
	m := newMemory(t)
	file, piece := m.File(), m.Take(nil)
	m.Close()
	piece[0]++ // still there
	if m.Lends() {
		t.Error("it lends after it was closed")
	}
	other := m.Take(piece)
	other[0]++
	m.Give(piece, false)
	if _, err := unix.FcntlInt(uintptr(file), unix.F_GETFD, 0); err != syscall.EBADF {
		t.Errorf("the file is still there when nothing of it is in use: %v", err)
	}
	m.Give(other, false)
	m.Close()
}

// Goroutines that take, write, send and give pieces at the same time do not get one
// another's, also when pages can't be punched out from some time on.
func TestMemoryConcurrently(t *testing.T) {
	for _, seals := range []bool{false, true} {
		m := newMemoryThatMayStop(t, func(error) {})
		poller := newPoller(t)
		var logs sync.WaitGroup
		for id := range 8 {
			logs.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(id)))
				fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
				if err != nil {
					t.Error(os.NewSyscallError("socketpair", err))
					return
				}
				defer Close(fds[0])
				defer Close(fds[1])
				var last []byte
				for round := range 300 {
					last = m.Take(last)
					want := bytes.Repeat([]byte{byte(id), byte(round)}, pieceSize/2)
					copy(last, want)
					lent, received := false, make([]byte, 512)
					if lent = m.Lends() && random.IntN(2) == 0; lent {
						poller.Sendfile(fds[0], m.File(), m.Offset(last), len(received))
					}
					if !bytes.Equal(last, want) {
						t.Errorf("log %d finds another's bytes in its piece", id)
					}
					m.Give(last, lent)
					if n, _ := poller.Read(fds[1], received); lent && !bytes.Equal(received[:n], want[:n]) {
						t.Errorf("what log %d has sent arrives changed", id)
					}
					if seals && id == 0 && round == 200 {
						unix.FcntlInt(uintptr(m.File()), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
					}
				}
			})
		}
		logs.Wait()
		if m.space.taken != 0 {
			t.Errorf("%d pieces are taken", m.space.taken)
		}
		m.Close()
		if len(*m.extents.Load()) > 0 {
			t.Error("the file is still mapped")
		}
	}
}
