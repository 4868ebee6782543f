package terminal

import (
	"slices"
	"strings"
)

// mostSearched is how many entries are looked at for names.
const mostSearched = 1000

// A completion goes through the names that begin with what was typed, one with
// each Tab.
type completion struct {
	before string // the rest of the input
	names  []string
	next   int
	shown  string // the input it has made; any other ends it
}

// complete returns the input with the word before its end replaced by a name,
// and what shows where the next Tab goes on. At the beginning a colon follows.
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

// speakers returns the names that begin with a prefix in whatever case, those
// the last to speak first.
func (s *scrollback) speakers(prefix string) (names []string) {
	prefix = strings.ToLower(prefix)
	for i := len(s.entries) - 1; i >= 0 && i >= len(s.entries)-mostSearched; i-- {
		e := &s.entries[i]
		if e.kind != own && e.name != "" && strings.HasPrefix(strings.ToLower(e.name), prefix) && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	return names
}
