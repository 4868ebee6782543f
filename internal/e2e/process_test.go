package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// proc reads one of the server's files in /proc.
func (s *server) proc(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.pid(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// sockets returns how many sockets the server has open. Other descriptors are
// not counted, because the Go runtime opens some when it first needs them.
func (s *server) sockets() (n int) {
	s.t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", s.pid())
	open, err := os.ReadDir(dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, descriptor := range open {
		// One that is closed in the meantime is none.
		if target, err := os.Readlink(filepath.Join(dir, descriptor.Name())); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// peakMemory returns the server's peak memory, in bytes.
func (s *server) peakMemory() int {
	s.t.Helper()
	_, peak, _ := strings.Cut(s.proc("status"), "VmHWM:")
	kilobytes, err := strconv.Atoi(strings.Fields(peak + " ?")[0])
	if err != nil {
		s.t.Fatalf("VmHWM in /proc: %v", err)
	}
	return kilobytes << 10
}

// processorTime returns the processor time of the server so far, in all threads.
func (s *server) processorTime() time.Duration {
	s.t.Helper()
	const tick = 10 * time.Millisecond // the unit of utime and stime, proc(5)
	stat := s.proc("stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			s.t.Fatalf("utime and stime in /proc: %v", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}
