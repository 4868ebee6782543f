package history

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNoWords is what Search returns for a query without a word.
var ErrNoWords = errors.New("there is no word to search for")

const (
	// maxWords is how many words a query has at most.
	maxWords = 100
	// maxPrefixes is how many of them may end in *. Each may match a large part
	// of the history.
	maxPrefixes = 8
	// minPart is how many letters a word has at least that is also looked for within
	// other words. Shorter ones are within most.
	minPart = 3
)

// ErrTooManyWords is what the error of Search wraps if a query has too many words
// or prefixes.
var ErrTooManyWords = errors.New("too many words to search for")

// A query is what a message must have: all of the phrases, in any order.
type query struct {
	text    string // as it was written
	phrases []*phrase
}

// A phrase is words that follow each other.
type phrase struct {
	words
	isPrefix bool // the last word is only the beginning of one
	// If parts of words are looked for, the first word may be the end of one, and the
	// last the beginning of one.
	beginsWithin, endsWithin bool
}

// parseQuery parses a query. What is between quotes, or between blanks otherwise, is
// a phrase; each counts once.
func parseQuery(text string) (*query, error) {
	q := query{text: text}
	words, prefixes := 0, 0
	seen := make(map[string]bool)
	for i, part := range strings.Split(text, `"`) {
		isQuoted := i%2 == 1
		parts := []string{part}
		if !isQuoted {
			parts = strings.Fields(part)
		}
		for _, part := range parts {
			p := newPhrase(part, isQuoted)
			same := p.expression()
			if p.beginsWithin || p.endsWithin {
				same += " within" // unlike the same words between quotes
			}
			if len(p.all) == 0 || seen[same] {
				continue
			}
			seen[same] = true
			q.phrases = append(q.phrases, p)
			words += len(p.all)
			if p.isPrefix {
				prefixes++
			}
		}
	}
	switch {
	case words == 0:
		return nil, ErrNoWords
	case words > maxWords:
		return nil, fmt.Errorf("%w: %d, and %d is the most", ErrTooManyWords, words, maxWords)
	case prefixes > maxPrefixes:
		return nil, fmt.Errorf("%w: %d end in *, and %d is the most", ErrTooManyWords, prefixes, maxPrefixes)
	}
	return &q, nil
}

func newPhrase(text string, isQuoted bool) *phrase {
	var p phrase
	text, p.isPrefix = strings.CutSuffix(text, "*")
	p.split(text)
	if n := len(p.all); n > 0 && p.all[n-1].isSingle {
		p.isPrefix = false // nothing begins with it but itself
	}
	if n := len(p.all); n > 0 && !isQuoted && !p.isPrefix {
		p.beginsWithin = utf8.RuneCount(p.at(0)) >= minPart
		p.endsWithin = utf8.RuneCount(p.at(n-1)) >= minPart
	}
	return &p
}

// hasParts reports whether a query finds more if parts of words are looked for.
func (q *query) hasParts() bool {
	return slices.ContainsFunc(q.phrases, func(p *phrase) bool { return p.beginsWithin || p.endsWithin })
}

// expression returns the query in the language of SQLite's FTS5.
func (q *query) expression() string {
	all := make([]string, len(q.phrases))
	for i, p := range q.phrases {
		all[i] = p.expression()
	}
	return strings.Join(all, " ")
}

func (p *phrase) expression() string {
	expression := `"` + p.terms() + `"`
	if p.isPrefix {
		expression += "*"
	}
	return expression
}

// A span is a part of a text, in bytes.
type span struct{ start, end int }

// find returns where a text has what the query asks for, or nil if it lacks a phrase.
// w are the words of the text, with their sources. The query's words may be parts of
// them if parts is set.
func (q *query) find(w *words, parts bool) []span {
	var found []span
	for _, p := range q.phrases {
		before := len(found)
		for i := range w.all {
			if p.isAt(w, i, parts) {
				found = p.spans(found, w, i, parts)
			}
		}
		if len(found) == before {
			return nil
		}
	}
	return found
}

// isIn reports whether find finds anything.
func (q *query) isIn(w *words, parts bool) bool {
	for _, p := range q.phrases {
		i := 0
		for i < len(w.all) && !p.isAt(w, i, parts) {
			i++
		}
		if i == len(w.all) {
			return false
		}
	}
	return true
}

// isAt reports whether the words of a text from one on are the phrase.
func (p *phrase) isAt(w *words, from int, parts bool) bool {
	if from+len(p.all) > len(w.all) {
		return false
	}
	for i := range p.all {
		mayBegin := parts && p.beginsWithin && i == 0
		mayEnd := (p.isPrefix || parts && p.endsWithin) && i == len(p.all)-1
		is := bytes.Equal
		switch {
		case mayBegin && mayEnd:
			is = bytes.Contains
		case mayBegin:
			is = bytes.HasSuffix
		case mayEnd:
			is = bytes.HasPrefix
		}
		if !is(w.at(from+i), p.at(i)) {
			return false
		}
	}
	return true
}

// spans adds where in a text the phrase is, which is at the words from one on. Words
// that only begin like the last one of a prefix are found as a whole.
func (p *phrase) spans(found []span, w *words, from int, parts bool) []span {
	first, last := &w.all[from], &w.all[from+len(p.all)-1]
	if parts && len(p.all) == 1 && p.beginsWithin {
		for at := first.from; ; {
			next := bytes.Index(w.folded[at:first.to], p.at(0))
			if next < 0 {
				return found
			}
			at += next + len(p.at(0))
			found = append(found, span{w.sources[at-len(p.at(0))].start, w.sources[at-1].end})
		}
	}
	s := span{first.start, last.end}
	if parts && p.beginsWithin {
		s.start = w.sources[first.to-len(p.at(0))].start
	}
	if parts && p.endsWithin {
		s.end = w.sources[last.from+len(p.at(len(p.all)-1))-1].end
	}
	return append(found, s)
}

// cut cuts a text where what was found in it begins and ends, see Hit.Parts.
func cut(text string, found []span) []string {
	for i := range found {
		found[i] = found[i].widened(text)
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var parts []string
	at := 0
	for i := 0; i < len(found); {
		s := found[i]
		for i++; i < len(found) && found[i].start <= s.end; i++ {
			s.end = max(s.end, found[i].end)
		}
		parts = append(parts, text[at:s.start], text[s.start:s.end])
		at = s.end
	}
	return append(parts, text[at:])
}

// widened returns a span without cutting what people see as one character: a letter
// and its accents, or an emoji and what changes it.
func (s span) widened(text string) span {
	const joiner = '\u200d'
	for s.end < len(text) {
		r, size := utf8.DecodeRuneInString(text[s.end:])
		before, _ := utf8.DecodeLastRuneInString(text[:s.end])
		if !isExtending(r) && before != joiner {
			break
		}
		s.end += size
	}
	for s.start > 0 {
		r, _ := utf8.DecodeRuneInString(text[s.start:])
		before, size := utf8.DecodeLastRuneInString(text[:s.start])
		if !isExtending(r) && before != joiner {
			break
		}
		s.start -= size
	}
	return s
}

// isExtending reports whether a character is a part of the one before it.
func isExtending(r rune) bool {
	return unicode.IsMark(r) || unicode.In(r, unicode.Join_Control, unicode.Variation_Selector) ||
		r >= 0x1f3fb && r <= 0x1f3ff || // colours of skin
		r >= 0xe0020 && r <= 0xe007f // the end of some flags
}
