package client

import (
	"iter"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Split cuts a text into parts of at most MaxText bytes, which together are the
// text. It cuts between characters, and where possible not between those that are
// shown as one, such as a letter and its accent or the parts of an emoji. Invalid
// UTF-8 is cut anywhere. An empty text is one empty part.
func Split(text string) []string { return slices.Collect(parts(text)) }

func parts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > MaxText {
			n := cutPosition(text, MaxText)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
		yield(text)
	}
}

// maxCluster is how many bytes characters that are shown as one may have to be kept
// together. Natural ones have fewer.
const maxCluster = 64

// cutPosition returns where to cut a text that is longer than most bytes.
func cutPosition(text string, most int) int {
	first := most // the last position between two characters
	for first > most-utf8.UTFMax && !utf8.RuneStart(text[first]) {
		first--
	}
	if !utf8.RuneStart(text[first]) {
		return most // not UTF-8
	}
	for n := first; n > most-maxCluster; {
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

// joined reports whether two characters may be shown as one. It is an approximation
// that errs on the side of true.
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
