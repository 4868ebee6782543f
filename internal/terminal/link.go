package terminal

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A link is an address in a text that can be clicked on.
type link struct {
	span
	target string // printable ASCII, see targetOf
}

// An address ends where one on the page does: at blanks, quotation marks, dashes, and
// the punctuation of languages that write no blanks behind it. An apostrophe belongs to
// it if a letter follows.
var address = regexp.MustCompile(`(?i)https?://(?:['’][\pL\pN]|[^\s<>"'` + "`" +
	`‘’‚‛“”„‟«»‹›—―、-〃〈-】〔-〛〝-〟！（），：；？［］｛｝｟-､\x00-\x20\x7f-\x{a0}])+`)

// findLinks returns the addresses in a text in which escapes are where they say. One
// that has an escape in it is no link.
func findLinks(text string, escapes []span) (links []link) {
	if !strings.Contains(text, "://") { // most texts; this is much faster
		return nil
	}
	for _, at := range address.FindAllStringIndex(text, -1) {
		found := span{at[0], at[1]}
		if slices.ContainsFunc(escapes, func(e span) bool { return e.begin < found.end && e.end > found.begin }) {
			continue
		}
		shown := withoutEnd(text[found.begin:found.end])
		if target, ok := targetOf(shown); ok {
			links = append(links, link{span{found.begin, found.begin + len(shown)}, target})
		}
	}
	return links
}

// withoutEnd leaves out what belongs to the sentence and not to the address: brackets
// that were opened before it, and what is behind them, and punctuation at the end.
func withoutEnd(address string) string {
	const opening, closing = "([{", ")]}"
	var open []rune
	for i, r := range address {
		if strings.ContainsRune(opening, r) {
			open = append(open, r)
		} else if n := strings.IndexRune(closing, r); n >= 0 {
			if len(open) == 0 || open[len(open)-1] != rune(opening[n]) {
				address = address[:i]
				break
			}
			open = open[:len(open)-1]
		}
	}
	return strings.TrimRightFunc(address, func(r rune) bool {
		return strings.ContainsRune(`.,:;!?*~'([{\`, r) || r >= utf8.RuneSelf && unicode.IsPunct(r)
	})
}

// honest matches addresses whose host is what a reader takes for it: there is no user
// name before it, and it is ASCII.
var honest = regexp.MustCompile(`(?i)^https?://(?:[a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\])(?::[0-9]*)?(?:[/?#]|$)`)

// maxTarget is how long a target may be for common terminals.
const maxTarget = 2083

// targetOf returns where an address leads, if a link may lead there. Only characters
// that addresses consist of go to the terminal as they are.
func targetOf(address string) (target string, ok bool) {
	if !honest.MatchString(address) {
		return "", false
	}
	var b strings.Builder
	for _, c := range []byte(address) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String(), b.Len() <= maxTarget
}

// id returns what tells the terminal which parts belong to one link: the rows of an
// address that is wrapped.
func (l link) id() string {
	hash := fnv.New32a()
	hash.Write([]byte(l.target))
	return fmt.Sprintf("id=%08x", hash.Sum32())
}

// knowsLinks reports whether a terminal at least ignores the sequences of links
// (OSC 8). Those listed here print them.
func knowsLinks(environment []string) bool {
	kind := ""
	for _, variable := range environment {
		if value, ok := strings.CutPrefix(variable, "TERM="); ok {
			kind = value
		}
	}
	return !slices.ContainsFunc([]string{"dumb", "linux", "ansi", "vt", "cons25", "eterm", "sun"}, func(old string) bool {
		return strings.HasPrefix(kind, old)
	})
}
