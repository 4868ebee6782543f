//go:build linux

package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A keeper is a manager that closes the descriptors of barriers, and counts others.
type keeper struct {
	conn     *net.UnixConn
	messages []string
	counts   []int // of descriptors, of each message
}

func (k *keeper) run(t *testing.T) {
	message, rights := make([]byte, 4096), make([]byte, 4096)
	for {
		n, size, flags, _, err := k.conn.ReadMsgUnix(message, rights)
		if err != nil {
			return
		}
		if flags&unix.MSG_CTRUNC != 0 {
			t.Error("descriptors were lost")
		}
		count := 0
		all, _ := unix.ParseSocketControlMessage(rights[:size])
		for i := range all {
			fds, _ := unix.ParseUnixRights(&all[i])
			for _, fd := range fds {
				unix.Close(fd)
				count++
			}
		}
		k.messages, k.counts = append(k.messages, strings.ReplaceAll(string(message[:n]), "\n", " ")), append(k.counts, count)
	}
}

// However many descriptors there are, the manager has them all when Store returns.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(t)
	}()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var fds []int
	for range mostPerMessage + 7 {
		fds = append(fds, int(null.Fd()))
	}
	n := NewNotifier(path)
	for _, err := range []error{n.Store("clients", fds), n.Unstore("clients"), n.Store("clients", nil), n.Barrier()} {
		if err != nil {
			t.Error(err)
		}
	}
	conn.Close()
	<-done
	const store = "FDSTORE=1 FDNAME=clients FDPOLL=0"
	want := []string{store, "BARRIER=1", store, "BARRIER=1", "FDSTOREREMOVE=1 FDNAME=clients", "BARRIER=1"}
	if got := strings.Join(k.messages, ", "); got != strings.Join(want, ", ") {
		t.Errorf("the manager got %s", got)
	}
	for i, want := range []int{mostPerMessage, 1, 7, 1, 0, 1} {
		if k.counts[i] != want {
			t.Errorf("message %d has %d descriptors, want %d", i, k.counts[i], want)
		}
	}
}

// Without a manager that takes them, descriptors can't be stored.
func TestStoreFails(t *testing.T) {
	if err := NewNotifier(filepath.Join(t.TempDir(), "none")).Store("clients", []int{0}); err == nil {
		t.Error("there is no error")
	}
}

// The environment says how many descriptors fit, and names have space in it.
func TestStoreSize(t *testing.T) {
	for text, want := range map[string]int{"": 0, "0": 0, "-1": 0, "many": 0, "512": 512} {
		if got := StoreSize(lookup(map[string]string{"FDSTORE": text})); got != want {
			t.Errorf("FDSTORE=%q: %d, want %d", text, got, want)
		}
	}
	const name = "some-name"
	most := mostNames / len(name+":")
	if err := CheckNames(name, most); err != nil {
		t.Error(err)
	}
	if err := CheckNames(name, most+1); err == nil {
		t.Errorf("%d names are too many, and no error", most+1)
	}
}
