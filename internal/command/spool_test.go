package command

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A valve is a stream that blocks until it is opened.
type valve struct {
	open chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newValve() *valve { return &valve{open: make(chan struct{})} }

func (v *valve) Write(p []byte) (int, error) {
	<-v.open
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.Write(p)
}

func (v *valve) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.text.String()
}

// By the time Close returns, all lines are written, in order.
func TestSpoolPassesOn(t *testing.T) {
	var out bytes.Buffer
	s := newSpool(&out)
	var want strings.Builder
	for i := range 10_000 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		s.Write([]byte(line))
	}
	if !s.Close(time.Minute) {
		t.Fatal("Close gave up")
	}
	if out.String() != want.String() {
		t.Errorf("%d bytes came out of %d, or in another order", out.Len(), want.Len())
	}
}

// A stuck stream never blocks writers. When it goes on, it gets the lines that were
// kept, the number of those that were left out, and then the new ones.
func TestSpoolLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newValve()
		s := newSpool(out)
		s.Write([]byte("first\n"))
		synctest.Wait() // it is stuck with the first

		line := strings.Repeat("x", 1023) + "\n"
		const fit, more = spoolSize / 1024, 1000
		for range fit + more {
			s.Write([]byte(line))
		}
		s.Write([]byte("short, but after the gap\n"))

		close(out.open)
		synctest.Wait()
		s.Write([]byte("new\n"))
		if !s.Close(time.Second) {
			t.Error("Close gave up")
		}
		want := "first\n" + strings.Repeat(line, fit) +
			fmt.Sprintf("sop-chat: %d lines are left out here: nobody read in time\n", more+1) +
			"new\n"
		if got := out.String(); got != want {
			t.Errorf("%d bytes came out instead of %d, ending in %q", len(got), len(want), got[max(0, len(got)-200):])
		}
	})
}

// However many goroutines write, every line is written or counted.
func TestSpoolCounts(t *testing.T) {
	out := newValve()
	s := newSpool(out)
	const writers, each = 8, 2000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for range each {
				if w == 0 {
					runtime.Gosched() // lets the others be faster
				}
				s.Write([]byte(strings.Repeat("y", 99) + "\n"))
			}
		})
	}
	wg.Wait()
	close(out.open)
	if !s.Close(time.Minute) {
		t.Fatal("Close gave up")
	}
	shown, leftOut := 0, 0
	for line := range strings.Lines(out.String()) {
		var n int
		if _, err := fmt.Sscanf(line, "sop-chat: %d lines", &n); err == nil {
			leftOut += n
		} else {
			shown++
		}
	}
	if leftOut == 0 || shown+leftOut != writers*each {
		t.Errorf("%d shown and %d left out of %d", shown, leftOut, writers*each)
	}
}

// Close waits no longer than its timeout for a stuck stream.
func TestSpoolCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := newValve()
		s := newSpool(out)
		s.Write([]byte("line\n"))
		began := time.Now()
		if s.Close(time.Second) {
			t.Error("Close says that all was passed on")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("Close took %v", took)
		}
		if n, err := s.Write([]byte("late\n")); n != 5 || err != nil {
			t.Errorf("Write after Close: %d, %v", n, err)
		}
		close(out.open)
	})
}

// An error of the stream loses its lines and has no other effect.
func TestSpoolSurvivesErrors(t *testing.T) {
	s := newSpool(broken{})
	for range 100 {
		s.Write([]byte("line\n"))
	}
	if !s.Close(time.Minute) {
		t.Error("Close gave up")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
