//go:build linux

package netpoll

import (
	"bytes"
	"net"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Another process that has the file's descriptor goes on with the memory: what is in the
// pieces that were taken is there, and the others are free.
func TestOpenMemory(t *testing.T) {
	m := newMemory(t)
	var pieces [][]byte
	var last []byte
	for range memoryPieces + 3 { // beyond an extent
		last = m.Take(last)
		pieces = append(pieces, last)
	}
	for i, piece := range pieces {
		copy(piece, bytes.Repeat([]byte{byte('a' + i)}, len(piece)))
	}
	m.Give(pieces[1], false)
	m.Give(pieces[2], true)
	saved, ok := m.Save()
	if !ok || saved.Pieces != 2*memoryPieces || len(saved.Warm) != 1 {
		t.Fatalf("%+v, %v", saved, ok)
	}
	var taken []int
	for i, piece := range pieces {
		if number, ok := m.Number(piece); !ok {
			t.Fatal("a piece of the file has no number")
		} else if i != 1 && i != 2 {
			taken = append(taken, number)
		}
	}
	if _, ok := m.Number(make([]byte, pieceSize)); ok {
		t.Error("other memory is a piece of the file")
	}
	var err error
	if saved.FD, err = unix.Dup(saved.FD); err != nil {
		t.Fatal(err)
	}
	again, err := OpenMemory(saved, taken, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range pieces {
		number, _ := m.Number(pieces[i])
		piece := again.At(number)
		if i == 1 || i == 2 {
			if piece != nil {
				t.Errorf("piece %d is free, and there", i)
			}
			continue
		}
		if !bytes.Equal(piece, bytes.Repeat([]byte{byte('a' + i)}, pieceSize)) {
			t.Errorf("piece %d holds %.9q", i, piece)
		}
		pieces[i] = piece
	}
	for _, number := range []int{-1, saved.Pieces, 1 << 30} {
		if again.At(number) != nil {
			t.Errorf("there is a piece %d", number)
		}
	}
	next := again.Take(nil)
	if number, _ := again.Number(next); number != saved.Warm[0] {
		t.Errorf("piece %d is taken, and %d has pages", number, saved.Warm[0])
	}
	for range 2 * memoryPieces { // until it grows
		piece := again.Take(nil)
		if slices.ContainsFunc(pieces, func(p []byte) bool { return &p[0] == &piece[0] }) {
			t.Fatal("a piece is taken twice")
		}
		piece[0] = 1
		defer again.Give(piece, false)
	}
	for i, piece := range pieces {
		if i != 1 && i != 2 {
			again.Give(piece, i%2 == 0)
		}
	}
	again.Give(next, true)
	again.Close()
	m.Close()
}

// A memory that can't be one is refused, and nothing is closed.
func TestOpenMemoryRefuses(t *testing.T) {
	m := newMemory(t)
	defer m.Close()
	valid, ok := m.Save()
	if !ok {
		t.Fatal("the memory can't be saved")
	}
	for what, spoil := range map[string]func(s *SavedMemory) (taken []int){
		"a descriptor that is not open": func(s *SavedMemory) []int { s.FD = 1 << 20; return nil },
		"an epoll instance": func(s *SavedMemory) []int {
			s.FD, _ = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
			t.Cleanup(func() { unix.Close(s.FD) })
			return nil
		},
		"a piece too large":          func(s *SavedMemory) []int { s.Piece *= 2; return nil },
		"an odd piece":               func(s *SavedMemory) []int { s.Piece--; return nil },
		"no extent":                  func(s *SavedMemory) []int { s.Extent = 0; return nil },
		"half an extent":             func(s *SavedMemory) []int { s.Pieces--; return nil },
		"more than there is":         func(s *SavedMemory) []int { s.Pieces += s.Extent; return nil },
		"nothing":                    func(s *SavedMemory) []int { s.Pieces = 0; return nil },
		"a piece twice":              func(s *SavedMemory) []int { return []int{1, 1} },
		"one that is not there":      func(s *SavedMemory) []int { return []int{s.Pieces} },
		"one before the first":       func(s *SavedMemory) []int { return []int{-1} },
		"one that is taken and free": func(s *SavedMemory) []int { s.Warm = []int{1}; return []int{1} },
		"one that is free twice":     func(s *SavedMemory) []int { s.Warm = []int{1, 1}; return nil },
	} {
		s := valid
		taken := spoil(&s)
		if _, err := OpenMemory(s, taken, func(error) {}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	var stat unix.Stat_t
	if err := unix.Fstat(valid.FD, &stat); err != nil {
		t.Errorf("the file is closed: %v", err)
	}
}

// fdOf returns the descriptor of a socket, which stays open until the test ends.
func fdOf(t *testing.T, c syscall.Conn) (number int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { number = int(fd) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// A TCP connection passes to another process, and an end of a socket pair does not.
func TestIsTCP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	for what, test := range map[string]struct {
		fd              int
		isTCP, isListen bool
	}{
		"a connection":  {fdOf(t, conn.(*net.TCPConn)), true, false},
		"a listener":    {fdOf(t, listener.(*net.TCPListener)), true, true},
		"a socket pair": {pair[0], false, false},
		"nothing":       {1 << 20, false, false},
		"no socket":     {0, false, false},
	} {
		if got := IsTCP(test.fd); got != test.isTCP {
			t.Errorf("%s is TCP: %v", what, got)
		}
		if got := IsListener(test.fd); got != test.isListen {
			t.Errorf("%s listens: %v", what, got)
		}
	}
}
