package terminal

import (
	"fmt"
	"strings"

	"sop-chat/internal/english"
)

// An UnsentError says which texts were not sent when the client ended.
type UnsentError struct {
	Texts []string // not empty; oldest first
	Err   error    // why it ended; nil if the user left
}

func (e *UnsentError) Error() string {
	const most, longest = 3, 60
	var b strings.Builder
	if e.Err != nil {
		fmt.Fprintf(&b, "%v; ", e.Err)
	}
	fmt.Fprintf(&b, "%s not sent: ", english.Count(len(e.Texts), "message"))
	for i, text := range e.Texts[:min(most, len(e.Texts))] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(`"` + cut(readable(text), longest) + `"`)
	}
	if more := len(e.Texts) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

func (e *UnsentError) Unwrap() error { return e.Err }
