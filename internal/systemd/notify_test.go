//go:build linux

package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager returns the socket of a manager at an address, and what it receives next.
func manager(t testing.TB, address string) (receive func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		t.Helper()
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		message := make([]byte, 4096)
		n, err := conn.Read(message)
		if err != nil {
			t.Fatal(err)
		}
		return string(message[:n])
	}
}

// What is told arrives in one message, at a socket in a folder and at an abstract one.
func TestNotify(t *testing.T) {
	for _, address := range []string{filepath.Join(t.TempDir(), "notify"), "@sop-chat-test-" + strconv.Itoa(os.Getpid())} {
		receive := manager(t, address)
		if err := NewNotifier(address).Notify(Ready, Status("1 of\n4 clients"), ExtendTimeout(90*time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, want := receive(), "READY=1\nSTATUS=1 of 4 clients\nEXTEND_TIMEOUT_USEC=90000000"; got != want {
			t.Errorf("%s: received %q, want %q", address, got, want)
		}
	}
}

// The manager can tell by the time whether its signal came before.
func TestReloading(t *testing.T) {
	now := func() int64 {
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			t.Fatal(err)
		}
		return now.Nano() / 1000
	}
	before := now()
	what, at, found := strings.Cut(Reloading(), "\nMONOTONIC_USEC=")
	n, err := strconv.ParseInt(at, 10, 64)
	if what != "RELOADING=1" || !found || err != nil || n < before || n > now() {
		t.Errorf("%q at %q, want between %d and %d", what, at, before, now())
	}
}

// Without a manager nothing happens. One that is gone is an error.
func TestNobodyToNotify(t *testing.T) {
	if err := NewNotifier("").Notify(Ready); err != nil {
		t.Error(err)
	}
	if err := NewNotifier(filepath.Join(t.TempDir(), "none")).Notify(Ready); err == nil {
		t.Error("there is no error")
	}
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}
}

// The timeout of the watchdog is the environment's, if it is for this process.
func TestWatchdogTimeout(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"30000000", own, 30 * time.Second},
		{"30000000", "", 0},
		{"30000000", "1", 0},
		{"0", own, 0},
		{"-1", own, 0},
		{"soon", own, 0},
		{"99999999999999999999", own, 0},
		{"9223372036854775807", own, 0},
	} {
		if got := WatchdogTimeout(lookup(map[string]string{"WATCHDOG_USEC": test.usec, "WATCHDOG_PID": test.pid})); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
	if got := WatchdogTimeout(lookup(map[string]string{"WATCHDOG_USEC": "1500"})); got != 1500*time.Microsecond {
		t.Errorf("for any process it is %v", got)
	}
	if got := WatchdogTimeout(lookup(nil)); got != 0 {
		t.Errorf("without a watchdog it is %v", got)
	}
}

// No sockets are taken that are for another process, and none that can't be.
func TestNoSockets(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		pid, n string
		fails  bool
	}{
		{"", "", false},
		{"1", "2", false},
		{own, "0", false},
		{own, "", true},
		{own, "many", true},
		{own, "-1", true},
		{own, "100000000", true},
	} {
		got, err := Sockets(lookup(map[string]string{"LISTEN_PID": test.pid, "LISTEN_FDS": test.n}))
		if len(got) > 0 || (err != nil) != test.fails {
			t.Errorf("%+v: %v, %v", test, got, err)
		}
	}
}
