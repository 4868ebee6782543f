package e2e

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An output is what a process has printed so far. Any number of goroutines may
// write, read and wait at the same time.
type output struct {
	mu      sync.Mutex
	printed bytes.Buffer
	ended   bool
}

var _ io.WriteCloser = (*output)(nil)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.printed.Write(p)
}

// Close ends the output.
func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	return nil
}

func (o *output) String() string {
	printed, _ := o.state()
	return printed
}

func (o *output) state() (printed string, ended bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.printed.String(), o.ended
}

// lines returns the complete lines printed so far.
func (o *output) lines() []string { return wholeLines(o.String()) }

// problems returns the lines of a log that are more than information.
func (o *output) problems() []string {
	return slices.DeleteFunc(o.lines(), func(line string) bool {
		return !strings.Contains(line, "level=WARN") && !strings.Contains(line, "level=ERROR")
	})
}

func wholeLines(s string) []string {
	lines := strings.Split(s, "\n")
	return lines[:len(lines)-1]
}

// waitFor waits until ok returns true for the output. It fails the test after a
// timeout, or when the output has ended.
func (o *output) waitFor(t testing.TB, what string, ok func(printed string) bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		printed, ended := o.state()
		switch {
		case ok(printed):
			return
		case ended:
			t.Fatalf("the output ended before there was %s; it is:\n%s", what, excerpt(printed))
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("in vain waited %v for %s; the output is:\n%s", testTimeout, what, excerpt(printed))
		}
	}
}

// waitForLine waits for a line with all the parts in it.
func (o *output) waitForLine(t testing.TB, parts ...string) {
	t.Helper()
	o.waitFor(t, "a line with "+strings.Join(parts, " and "), func(printed string) bool {
		return hasLine(wholeLines(printed), parts...)
	})
}

func hasLine(lines []string, parts ...string) bool {
	for _, line := range lines {
		if containsAll(line, parts) {
			return true
		}
	}
	return false
}

func containsAll(s string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return true
}

// excerpt shortens an output for a test's report.
func excerpt(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return s[:most/2] + "\n[…]\n" + s[len(s)-most/2:]
}
