package client_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"sop-chat/internal/testenv"
)

// A network connects two network namespaces. It can be cut without either end
// noticing. Its addresses exist only there.
type network struct {
	t     testing.TB
	sides [2]side
}

type side struct{ namespace, device, address, hardware string }

// networks counts the networks that were made.
var networks atomic.Int32

// newNetwork makes a network. It needs root and the command ip.
func newNetwork(t testing.TB) *network {
	t.Helper()
	if os.Getuid() != 0 {
		testenv.Lacks(t, "leave to make network namespaces, which is root's")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		testenv.Lacks(t, "the command ip (Debian: apt-get install iproute2)")
	}
	n := &network{t: t}
	number := networks.Add(1)
	for i := range n.sides {
		n.sides[i] = side{
			namespace: fmt.Sprintf("sop-chat-test-%d-%d-%d", os.Getpid(), number, i),
			device:    fmt.Sprint("cable", i),
			address:   fmt.Sprintf("10.0.0.%d", i+1),
			hardware:  fmt.Sprintf("02:00:00:00:00:%02x", i+1),
		}
		t.Cleanup(func() { exec.Command("ip", "netns", "del", n.sides[i].namespace).Run() })
		n.ip("netns", "add", n.sides[i].namespace)
	}
	a, b := n.sides[0], n.sides[1]
	n.ip("link", "add", a.device, "address", a.hardware, "netns", a.namespace, "type", "veth",
		"peer", "name", b.device, "address", b.hardware, "netns", b.namespace)
	for _, s := range n.sides {
		n.ip("-n", s.namespace, "address", "add", s.address+"/24", "dev", s.device)
		n.ip("-n", s.namespace, "link", "set", s.device, "up")
	}
	n.mend()
	return n
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %q: %v: %s", args, err, out)
	}
}

// cut makes both sides send to an address that nobody has, and mend undoes that.
func (n *network) cut()  { n.cutFrom(0); n.cutFrom(1) }
func (n *network) mend() { n.send(0, n.sides[1].hardware); n.send(1, n.sides[0].hardware) }

// cutFrom makes one side send to an address that nobody has.
func (n *network) cutFrom(side int) { n.send(side, "02:00:00:00:00:ff") }

func (n *network) send(from int, hardware string) {
	n.t.Helper()
	s, other := n.sides[from], n.sides[1-from]
	n.ip("-n", s.namespace, "neighbour", "replace", other.address, "lladdr", hardware, "dev", s.device, "nud", "permanent")
}

// in calls f in the namespace of a side. The sockets that f makes stay there.
func (n *network) in(s side, f func() error) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		file, err := os.Open("/run/netns/" + s.namespace)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// listen listens on side 0.
func (n *network) listen() (l net.Listener) {
	n.t.Helper()
	n.in(n.sides[0], func() (err error) {
		l, err = net.Listen("tcp", n.sides[0].address+":9000")
		return err
	})
	return l
}

// dial connects from side 1.
func (n *network) dial(l net.Listener) (conn net.Conn) {
	n.t.Helper()
	n.in(n.sides[1], func() (err error) {
		conn, err = net.Dial("tcp", l.Addr().String())
		return err
	})
	return conn
}
