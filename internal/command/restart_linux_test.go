package command

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"sop-chat/internal/handover"
)

// newDescriptors returns descriptors of different files, sockets and others.
func newDescriptors(t testing.TB, n int) (fds []int) {
	t.Helper()
	for i := range n {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if i%3 == 2 {
			fd, err = unix.MemfdCreate("test", unix.MFD_CLOEXEC)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		fds = append(fds, fd)
	}
	return fds
}

// A state finds its descriptors again among duplicates in any order, and -1 in the places of
// those that are missing.
func TestDetach(t *testing.T) {
	originals := newDescriptors(t, 12)
	var duplicates []int
	for _, fd := range originals {
		duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(duplicate) })
		duplicates = append(duplicates, duplicate)
	}
	rapid.Check(t, func(t *rapid.T) {
		used := rapid.Permutation(originals).Draw(t, "used")[:rapid.IntRange(0, len(originals)).Draw(t, "how many")]
		given := rapid.Permutation(duplicates).Draw(t, "given")[:rapid.IntRange(0, len(duplicates)).Draw(t, "how many are there")]
		state := new(handover.State)
		var want []int
		for i, fd := range used {
			if i%2 == 0 {
				state.Listeners = append(state.Listeners, handover.Listener{FD: fd})
			}
		}
		for i, fd := range used {
			if i%2 != 0 {
				state.Members = append(state.Members, handover.Member{Conn: handover.Conn{FD: fd}})
			}
		}
		state.Members = append(state.Members, handover.Member{Conn: handover.Conn{FD: -1}, Ended: "it was TLS"})
		state.Descriptors(func(fd int) int {
			if duplicate := duplicates[slices.Index(originals, fd)]; slices.Contains(given, duplicate) {
				want = append(want, duplicate)
			} else {
				want = append(want, -1)
			}
			return fd
		})
		fds, err := detach(state)
		if err != nil || len(fds) != len(used) {
			t.Fatalf("detached %d of %d, %v", len(fds), len(used), err)
		}
		if err := attach(state, given); err != nil {
			t.Fatal(err)
		}
		if got := (&inheritance{state: state}).descriptors(); !slices.Equal(got, want) {
			t.Errorf("the descriptors are %v, want %v", got, want)
		}
	})
}

// What can't be of a detached state is refused, and a number beyond its descriptors is that
// of none.
func TestAttachDamaged(t *testing.T) {
	fds := newDescriptors(t, 1)
	if err := attach(new(handover.State), fds); err == nil {
		t.Error("a state that was not detached is attached")
	}
	for _, n := range []int{-1, 1, math.MaxInt32} {
		state := &handover.State{Listeners: []handover.Listener{{FD: fds[0]}}}
		if _, err := detach(state); err != nil {
			t.Fatal(err)
		}
		state.Listeners[0].FD = n
		if err := attach(state, fds); err != nil || state.Listeners[0].FD != -1 {
			t.Errorf("%d became %d, %v", n, state.Listeners[0].FD, err)
		}
	}
}

// Listeners of options that have changed are left out; another history or address is an error.
func TestAdapt(t *testing.T) {
	before := options(t, process([]string{"9000", "key", "--history", "a.db", "--web", ":9001"}))
	for _, test := range []struct {
		args  []string
		left  []string
		fails bool
	}{
		{[]string{"9000", "key", "--history", "a.db", "--web", ":9001"}, []string{handover.Server, webSocket}, false},
		{[]string{"9002", "key", "--history", "a.db", "--web", ":9001"}, []string{webSocket}, false},
		{[]string{"9000", "key", "--history", "a.db", "--bind", "::1", "--web", ":9001"}, nil, true},
		{[]string{"9000", "key", "--history", "a.db"}, []string{handover.Server}, false},
		{[]string{"9000", "key", "--web", ":9001"}, nil, true},
	} {
		i := &inheritance{state: new(handover.State)}
		i.Fixed = before.fixed()
		for _, name := range []string{handover.Server, webSocket, adminName} { // the last one's path is gone
			i.state.Listeners = append(i.state.Listeners, handover.Listener{Name: name})
		}
		now := options(t, process(test.args))
		if err := i.adapt(&now); (err != nil) != test.fails {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		var left []string
		for _, l := range i.state.Listeners {
			left = append(left, l.Name)
		}
		if !test.fails && !slices.Equal(left, test.left) {
			t.Errorf("%q: %q is left, want %q", test.args, left, test.left)
		}
	}
}

// A state is found once, and only when it is complete.
func TestReadStoredOnce(t *testing.T) {
	file, err := newMemoryFile(stateName)
	if err != nil {
		t.Fatal(err)
	}
	state := &handover.State{Others: map[string]json.RawMessage{leftName: []byte(`{}`)}}
	if _, err := detach(state); err != nil {
		t.Fatal(err)
	}
	if err := handover.Write(file, state); err != nil {
		t.Fatal(err)
	}
	o := options(t, process([]string{"9000", "key"}))
	all := managerSockets{{Name: stateName, FD: int(file.Fd())}}
	i, err := readStored(&o, all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readStored(&o, all); err != nil {
		t.Errorf("another process before it was taken: %v", err)
	}
	duplicate, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	i.stateFD = duplicate
	if err := i.taken(nil); err != nil {
		t.Fatal(err)
	}
	for what, all := range map[string]managerSockets{
		"after it was taken": all,
		"without a state":    {{Name: storedName, FD: int(file.Fd())}},
		"two states":         {all[0], all[0]},
	} {
		if _, err := readStored(&o, all); err == nil {
			t.Errorf("%s: there is no error", what)
		}
	}
	file.Close()
}
