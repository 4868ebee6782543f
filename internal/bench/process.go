package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A process is one whose costs are looked at; 0 is none, which costs nothing.
type process int

func thisProcess() process { return process(os.Getpid()) }

// cpu returns the CPU time that the process has used, in user and kernel mode,
// with all threads it ever had.
func (p process) cpu() (time.Duration, error) {
	if p == 0 {
		return 0, nil
	}
	return cpuTime(int(p))
}

// memory returns the bytes of the process that are in memory, see proc(5).
// smaps_rollup counts them; status only estimates, but needs no permission.
func (p process) memory() (int64, error) {
	if p == 0 {
		return 0, nil
	}
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
	if n, ok := kilobytes(rollup, "Rss:"); err == nil && ok {
		return n, nil
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		return 0, fmt.Errorf("the server's memory can't be read: %w", err)
	}
	n, ok := kilobytes(status, "VmRSS:")
	if !ok {
		return 0, fmt.Errorf("/proc/%d/status does not tell the server's memory", p)
	}
	return n, nil
}

// kilobytes finds a line such as "Rss:  1632 kB" and returns its value in
// bytes.
func kilobytes(text []byte, field string) (n int64, ok bool) {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) == 3 && string(words[0]) == field {
			n, err := strconv.ParseInt(string(words[1]), 10, 64)
			return n << 10, err == nil
		}
	}
	return 0, false
}
