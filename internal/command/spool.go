package command

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"sop-chat/internal/english"
)

// spoolSize is how many bytes a spool keeps while its stream is stuck.
const spoolSize = 256 << 10

// A spool stands between the writers of lines and a stream that may be stuck, such
// as a terminal after Ctrl+S. Write never blocks. Lines that don't fit are left
// out, and the spool writes to the stream how many they were:
//
//	Write ──▶ waiting (bounded) ──▶ run, on its own goroutine ──▶ stream
//
// All methods may be called by any goroutine.
type spool struct {
	stream io.Writer
	done   chan struct{} // closed when run has ended

	mu      sync.Mutex
	changed sync.Cond // waiting, leftOut or closed has changed
	waiting []byte    // from whole calls of Write, in order
	leftOut int       // lines, all of them after those that wait
	writing bool      // run has taken some, and has not written them yet
	closed  bool
	gap     func(text string) []byte // returns the line that says what was left out
}

func newSpool(stream io.Writer) *spool {
	s := &spool{stream: stream, done: make(chan struct{})}
	s.gap = func(text string) []byte { return []byte(linePrefix + text + "\n") }
	s.changed.L = &s.mu
	go s.run()
	return s
}

// Write takes whole lines. It never fails.
func (s *spool) Write(lines []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// After a line that was left out, all are left out until run takes the others.
	// So there is one gap, and it is reported where it is.
	if s.closed || s.leftOut > 0 || len(s.waiting)+len(lines) > spoolSize {
		s.leftOut += bytes.Count(lines, []byte("\n"))
	} else {
		s.waiting = append(s.waiting, lines...)
	}
	s.changed.Signal()
	return len(lines), nil
}

// run writes the waiting lines to the stream, until the spool is closed and none
// are waiting.
func (s *spool) run() {
	defer close(s.done)
	var lines []byte
	for {
		var leftOut int
		if lines, leftOut = s.take(lines); len(lines) == 0 && leftOut == 0 {
			return
		}
		// An error could only be reported on standard error itself.
		stream := s.to()
		stream.Write(lines)
		if leftOut > 0 {
			stream.Write(s.describeGap(leftOut))
		}
	}
}

// describeGaps has the line that says what was left out be what describe makes of its text.
func (s *spool) describeGaps(describe func(text string) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gap = describe
}

func (s *spool) describeGap(lines int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gap(fmt.Sprintf("%s %s left out here: nobody read in time", english.Count(lines, "line"), english.Are(lines)))
}

// redirect has later lines be written to another stream.
func (s *spool) redirect(to io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = to
}

func (s *spool) to() io.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream
}

// take waits for lines and takes them. It gives used back to be filled again. After
// Close it returns nothing when no lines are left.
func (s *spool) take(used []byte) (lines []byte, leftOut int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	for len(s.waiting) == 0 && s.leftOut == 0 && !s.closed {
		s.changed.Wait()
	}
	lines, leftOut = s.waiting, s.leftOut
	s.waiting, s.leftOut = used[:0], 0
	s.writing = true
	return lines, leftOut
}

// Flush waits until all lines are written, but not longer than timeout, and reports
// whether they are.
func (s *spool) Flush(timeout time.Duration) bool {
	const pause = time.Millisecond
	for deadline := time.Now().Add(timeout); ; time.Sleep(pause) {
		s.mu.Lock()
		written := len(s.waiting) == 0 && s.leftOut == 0 && !s.writing
		s.mu.Unlock()
		if written || time.Now().After(deadline) {
			return written
		}
	}
}

// Close waits until all lines are written, but not longer than timeout, and reports
// whether they are. Lines that come later are left out.
func (s *spool) Close(timeout time.Duration) bool {
	s.mu.Lock()
	s.closed = true
	s.changed.Signal()
	s.mu.Unlock()
	select {
	case <-s.done:
		return true
	case <-time.After(timeout):
		return false
	}
}
