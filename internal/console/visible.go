package console

import (
	"bytes"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sop-chat/internal/names"
)

// mostMarks is how many combining marks one character may have. Vietnamese needs
// two, Hebrew, Tibetan and Burmese up to five; more cover other lines.
const mostMarks = 5

// visible reports whether r, the character outside ASCII that rest begins with,
// can be shown as it is behind what was shown as it is.
func visible(shown, rest []byte, r rune, what class) bool {
	inName := what&named != 0
	switch {
	case !inName && r > 0xad && r < 0x300: // letters, by far the most
		return true
	case isUnsafe(r):
		return false
	case unicode.Is(names.Invisible, r):
		return !inName && continues(shown, rest, r)
	case unicode.IsMark(r) && !hasBase(shown):
		return false
	}
	return !inName || unicode.IsGraphic(r) && !isVariant(rest) && isNormal(shown, rest, r)
}

// isUnsafe reports whether a character outside ASCII acts on what shows it, or is
// none.
func isUnsafe(r rune) bool {
	return r < 0xa0 || // C1
		r == '\u2028' || r == '\u2029' || // end a line, a paragraph
		r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe // never characters
}

// lastBase returns where the last character in shown begins that is no mark, and
// how many marks follow it.
func lastBase(shown []byte) (at, marks int) {
	for at = len(shown); at > 0; marks++ {
		r, size := utf8.DecodeLastRune(shown[:at])
		at -= size
		if !unicode.IsMark(r) {
			break
		}
	}
	return at, marks
}

// hasBase reports whether a combining mark behind shown would stand on something
// that can be seen, which has room for it.
func hasBase(shown []byte) bool {
	at, marks := lastBase(shown)
	base, _ := utf8.DecodeRune(shown[at:])
	return marks < mostMarks && hasShape(base)
}

// hasShape reports whether a character has a shape of its own.
func hasShape(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.Is(names.Invisible, r) && r != utf8.RuneError
}

// Invisible characters that may be shown in a text.
const (
	noBreakSpace       = 0x00a0
	zeroWidthNonJoiner = 0x200c
	zeroWidthJoiner    = 0x200d
	narrowNoBreakSpace = 0x202f
	ideographicSpace   = 0x3000
	textStyle          = 0xfe0e
	emojiStyle         = 0xfe0f
)

const keycap = 0x20e3 // turns what it stands on into a key

// continues reports whether r, an invisible character that rest begins with, is
// part of something that is written with it.
func continues(shown, rest []byte, r rune) bool {
	before, _ := utf8.DecodeLastRune(shown)
	after, _ := utf8.DecodeRune(rest[utf8.RuneLen(r):])
	switch r {
	case zeroWidthNonJoiner, zeroWidthJoiner:
		return r == zeroWidthJoiner && (isPictograph(before) || before == emojiStyle) && isPictograph(after) ||
			areJoined(before, after)
	case textStyle, emojiStyle:
		return isPictograph(before) || isKeycapBase(before) && after == keycap
	case noBreakSpace, narrowNoBreakSpace, ideographicSpace:
		return hasShape(before) && hasShape(after)
	}
	return false
}

// isPictograph reports whether a character may be an emoji: all but the few
// that are named here are symbols.
func isPictograph(r rune) bool {
	switch r {
	case '‼', '⁉', 'ℹ', '〰', '〽':
		return true
	}
	return r >= utf8.RuneSelf && r != utf8.RuneError && unicode.IsSymbol(r)
}

// isKeycapBase reports whether there is a keycap emoji of a character.
func isKeycapBase(r rune) bool { return r >= '0' && r <= '9' || r == '#' || r == '*' }

// cursive are the scripts in whose words joiners change how letters are joined.
var cursive = []*unicode.RangeTable{
	unicode.Arabic, unicode.Bengali, unicode.Devanagari, unicode.Gujarati, unicode.Gurmukhi, unicode.Kannada,
	unicode.Malayalam, unicode.Mongolian, unicode.Oriya, unicode.Sinhala, unicode.Syriac, unicode.Tamil, unicode.Telugu,
}

// areJoined reports whether two characters are of one cursive script.
func areJoined(a, b rune) bool {
	for _, script := range cursive {
		if unicode.Is(script, a) {
			return unicode.Is(script, b)
		}
	}
	return false
}

// isVariant reports whether the character that rest begins with is only another
// form of ASCII characters, such as those of the mathematical alphabets, Roman
// numerals and ligatures.
func isVariant(rest []byte) bool {
	form := norm.NFKC.Properties(rest).Decomposition()
	return len(form) > 0 && !bytes.ContainsFunc(form, func(r rune) bool { return r >= utf8.RuneSelf })
}

// isNormal reports whether r, which rest begins with, together with what it
// stands on is spelled as Unicode's form C has it: of all the spellings that
// mean the same, that one.
func isNormal(shown, rest []byte, r rune) bool {
	at, _ := lastBase(shown)
	buffer := spellings.Get().(*spelling)
	defer spellings.Put(buffer)
	n := copy(buffer[:], shown[at:])
	n += copy(buffer[n:], rest[:utf8.RuneLen(r)])
	return norm.NFC.IsNormal(buffer[:n])
}

// A spelling holds a character with all its marks, and the next one. Package norm takes what it
// looks at to the heap, where fields must not go with each message.
type spelling [(2 + mostMarks) * utf8.UTFMax]byte

var spellings = sync.Pool{New: func() any { return new(spelling) }}

// A word is a run of letters, marks and digits up to end.
type word struct {
	end     int
	isLatin bool // there is a Latin letter in it
}

// lookalikes are the alphabets of which many letters look like Latin ones.
var lookalikes = []*unicode.RangeTable{
	unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Cyrillic, unicode.Greek, unicode.Lisu,
}

// isLookalike reports whether r, the character at some place of a field, is of
// another alphabet than its word, which is Latin. The word is kept for the
// characters that follow.
func (w *word) isLookalike(field []byte, at int, r rune) bool {
	if !unicode.In(r, lookalikes...) {
		return false
	}
	if at >= w.end {
		*w = wordAt(field, at)
	}
	return w.isLatin
}

// wordAt returns the word that has a character at some place.
func wordAt(field []byte, at int) (w word) {
	for begin := at; begin > 0; {
		r, size := utf8.DecodeLastRune(field[:begin])
		if !isInWord(r) {
			break
		}
		begin -= size
		w.isLatin = w.isLatin || unicode.Is(unicode.Latin, r)
	}
	for w.end = at; w.end < len(field); {
		r, size := utf8.DecodeRune(field[w.end:])
		if !isInWord(r) {
			break
		}
		w.end += size
		w.isLatin = w.isLatin || unicode.Is(unicode.Latin, r)
	}
	return w
}

func isInWord(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Nd) }
