package client

import (
	"iter"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Split cuts a text into parts of at most MaxText bytes, which put together
// are the text again. It cuts between characters, and if it can not between
// those that are shown as one, as a letter and its accent or the parts of an
// emoji. What is not UTF-8 is cut anywhere. An empty text is one empty part.
func Split(text string) []string { return slices.Collect(parts(text)) }

func parts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > MaxText {
			n := border(text, MaxText)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
		yield(text)
	}
}

// longCluster is more bytes than characters that are shown as one have, unless
// someone wants to see what happens.
const longCluster = 64

// border returns where to cut a text that is longer than most bytes.
func border(text string, most int) int {
	first := most // the last border between any two characters
	for first > most-utf8.UTFMax && !utf8.RuneStart(text[first]) {
		first--
	}
	if !utf8.RuneStart(text[first]) {
		return most // not UTF-8
	}
	for n := first; n > most-longCluster; {
		before, size := utf8.DecodeLastRuneInString(text[:n])
		after, _ := utf8.DecodeRuneInString(text[n:])
		if !joined(before, after) {
			return n
		}
		n -= size
	}
	return first
}

const zeroWidthJoiner = 0x200d

// joined reports whether two characters may be shown as one. It is an
// approximation that errs towards yes.
func joined(before, after rune) bool {
	switch {
	case before < utf8.RuneSelf && after < utf8.RuneSelf:
		return before == '\r' && after == '\n'
	case before == zeroWidthJoiner || after == zeroWidthJoiner:
		return true
	case after >= 0x1f3fb && after <= 0x1f3ff: // tones of skin
		return true
	case after >= 0x1f1e6 && after <= 0x1f1ff: // flags are pairs of these
		return before >= 0x1f1e6 && before <= 0x1f1ff
	case before >= 0x1100 && before <= 0x115f, after >= 0x1160 && after <= 0x11ff: // Hangul in letters
		return true
	}
	return unicode.Is(unicode.M, after) // accents, vowel signs, variation selectors
}
