package terminal

import (
	"slices"
	"strings"
)

// maxSearched is how many entries are searched for names.
const maxSearched = 1000

// A completion cycles through the names that begin with what was typed, one for
// each Tab.
type completion struct {
	before string // the rest of the input
	names  []string
	next   int
	shown  string // the input it has made; any other ends it
}

// complete returns the input with its last word replaced by the next name, and
// whether there is one. A name at the beginning is followed by a colon.
func (c *completion) complete(input string, names func(prefix string) []string) (string, bool) {
	if c.shown != input || len(c.names) == 0 {
		begin := strings.LastIndexAny(input, " \n") + 1
		*c = completion{before: input[:begin], names: names(input[begin:])}
	}
	if len(c.names) == 0 {
		return "", false
	}
	name := c.names[c.next]
	c.next = (c.next + 1) % len(c.names)
	end := " "
	if c.before == "" {
		end = ": "
	}
	c.shown = c.before + name + end
	return c.shown, true
}

// speakers returns the names that begin with a prefix, in whatever case, latest
// speaker first.
func (s *scrollback) speakers(prefix string) (names []string) {
	prefix = strings.ToLower(prefix)
	for i := len(s.entries) - 1; i >= 0 && i >= len(s.entries)-maxSearched; i-- {
		e := &s.entries[i]
		name := e.name.text
		if e.kind != own && name != "" && strings.HasPrefix(strings.ToLower(name), prefix) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
