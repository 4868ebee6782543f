package command

import (
	"strings"

	"github.com/spf13/pflag"
)

// A processList is the value of --pid: numbers of processes, separated by commas. Each
// use of the flag adds to it.
type processList struct{ numbers []int }

var _ pflag.Value = (*processList)(nil)

func (*processList) String() string { return "" }
func (*processList) Type() string   { return "N" }

func (l *processList) Set(text string) error {
	for item := range strings.SplitSeq(text, ",") {
		n, err := wholeNumber(1, 1<<22)(strings.TrimSpace(item))
		if err != nil {
			return err
		}
		l.numbers = append(l.numbers, n)
	}
	return nil
}
