//go:build linux

package chattest

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Eventually waits until ok returns true, and fails the test after a time.
func Eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	deadline := time.After(within)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("in vain waited %v for this: %s", within, what)
		}
	}
}

// Sockets returns how many this process has open. Go and the server open other
// descriptors when they first need them.
func Sockets(t testing.TB) (n int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range open {
		// One that is closed in the meantime is none.
		if target, err := os.Readlink("/proc/self/fd/" + descriptor.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}
