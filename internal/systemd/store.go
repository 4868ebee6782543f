//go:build linux

package systemd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// The manager has a descriptor store for a service (FileDescriptorStoreMax=): it keeps
// duplicates of descriptors while it restarts the service, and gives them to the next
// process among its Sockets. It keeps no order, but names; several descriptors may have the
// same one.

// StoreSize returns how many descriptors the manager keeps for the service, as the
// environment says; 0 if it keeps none. systemd says it from version 254 on.
func StoreSize(lookup func(string) (string, bool)) int {
	text, _ := lookup("FDSTORE")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

const (
	// mostPerMessage is how many descriptors Linux passes in one message (SCM_MAX_FD).
	mostPerMessage = 253
	// mostNames is how long the names of all descriptors may be together, each with a colon
	// behind it: they are in one variable (LISTEN_FDNAMES), which Linux takes up to 128 KiB.
	// The rest is for those of sockets.
	mostNames = 120 << 10
	// barrierTimeout is how long the manager may take for what it was sent.
	barrierTimeout = 10 * time.Second
)

// CheckNames returns an error if the manager could not start a service any more for which it
// keeps a number of descriptors with a name.
func CheckNames(name string, descriptors int) error {
	if each := len(name) + 1; descriptors > mostNames/each {
		return fmt.Errorf("a service can be given back %d descriptors at most, and these are %d", mostNames/each, descriptors)
	}
	return nil
}

// Store has the manager keep duplicates of descriptors under a name, and returns when it has
// taken them. It does not say whether there was space in its store. It keeps those that have
// been closed by their peers, too.
func (n *Notifier) Store(name string, fds []int) error {
	for len(fds) > 0 {
		some := fds[:min(len(fds), mostPerMessage)]
		fds = fds[len(some):]
		if err := n.send(some, "FDSTORE=1", "FDNAME="+name, "FDPOLL=0"); err != nil {
			return err
		}
		// Linux limits how many descriptors may be on their way.
		if err := n.Barrier(); err != nil {
			return err
		}
	}
	return nil
}

// Unstore has the manager close all descriptors that it keeps under a name.
func (n *Notifier) Unstore(name string) error { return n.Notify("FDSTOREREMOVE=1", "FDNAME="+name) }

// Barrier returns when the manager has handled all that it was sent before, or an error if it
// takes too long.
func (n *Notifier) Barrier() error {
	ours, its, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ours.Close()
	err = n.send([]int{int(its.Fd())}, "BARRIER=1")
	its.Close()
	if err != nil {
		return err
	}
	ours.SetReadDeadline(time.Now().Add(barrierTimeout))
	_, err = ours.Read(make([]byte, 1))
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the service manager did not take descriptors within %v", barrierTimeout)
	}
	return err
}
