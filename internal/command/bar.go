package command

import (
	"fmt"
	"strings"
)

// A bar is one line on a terminal that shows the progress of something that takes
// long. Without a terminal, or on a dumb one, it shows nothing. It has a spool of
// its own, so that a terminal that is stuck does not hold up the work, and so that
// the line is gone before the result is shown.
type bar struct {
	spool *spool // nil if there is no terminal
}

// barWidth is how many characters the bar itself takes.
const barWidth = 30

// newBar returns a bar on standard error.
func newBar(p Process) *bar {
	stderr := p.Stderr
	if s, ok := stderr.(*spool); ok {
		stderr = s.stream
	}
	if !isTerminal(stderr) || !obeysSequences(p) {
		return &bar{}
	}
	return &bar{spool: newSpool(stderr)}
}

// isShown reports whether the bar is shown.
func (b *bar) isShown() bool { return b.spool != nil }

// show shows a line, such as barLine's.
func (b *bar) show(line string) {
	if b.isShown() {
		fmt.Fprintf(b.spool, "\r%s\x1b[K", line)
	}
}

// remove deletes the line.
func (b *bar) remove() {
	if b.isShown() {
		fmt.Fprint(b.spool, "\r\x1b[K")
		b.spool.Close(stderrTimeout)
	}
}

// barLine returns a line that says what is done, how far it is, and details.
func barLine(what string, part float64, details string) string {
	done := min(int(part*barWidth), barWidth)
	return fmt.Sprintf("%-10s %s%s %s", what, strings.Repeat("█", done), strings.Repeat("░", barWidth-done), details)
}
