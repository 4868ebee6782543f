package command

import (
	"fmt"
	"io"
	"strings"

	"sop-chat/internal/bench"
)

// A bar is one line on a terminal that shows how far a run of the load
// generator is. Anywhere else it shows nothing. It has a spool of its own, so
// that a terminal that is stuck does not hold up the load, and so that the line
// is gone before the result is shown.
type bar struct {
	spool *spool // nil if there is no terminal
}

// barWidth is how many characters the bar itself takes.
const barWidth = 30

// newBar returns a bar on standard error.
func newBar(stderr io.Writer) *bar {
	if s, ok := stderr.(*spool); ok {
		stderr = s.stream
	}
	if !isTerminal(stderr) {
		return &bar{}
	}
	return &bar{spool: newSpool(stderr)}
}

func (b *bar) show(p bench.Progress) {
	if b.spool != nil {
		fmt.Fprintf(b.spool, "\r%s\x1b[K", describeProgress(p))
	}
}

// remove deletes the line.
func (b *bar) remove() {
	if b.spool != nil {
		fmt.Fprint(b.spool, "\r\x1b[K")
		b.spool.Close(lastWords)
	}
}

func describeProgress(p bench.Progress) string {
	done := min(int(p.Part*barWidth), barWidth)
	line := fmt.Sprintf("%-10s %s%s", phaseName(p.Phase),
		strings.Repeat("█", done), strings.Repeat("░", barWidth-done))
	if p.Phase == bench.Joining {
		return fmt.Sprintf("%s %d clients", line, p.Joined)
	}
	return fmt.Sprintf("%s %.2f million deliveries/s", line, p.Deliveries/1e6)
}

func phaseName(p bench.Phase) string {
	switch p {
	case bench.Joining:
		return "joining"
	case bench.WarmingUp:
		return "warming up"
	case bench.Measuring:
		return "measuring"
	default:
		return "waiting" // for the last messages
	}
}
