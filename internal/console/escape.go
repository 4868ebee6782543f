package console

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// Escape appends a text to dst in a form that is safe to show: one line of
// valid UTF-8 in which nothing acts on a terminal, hides, stands on its
// neighbours or changes the direction of what follows.
//
//	\n \r \t     line feed, carriage return, tab
//	\x1b         any other ASCII control, or a byte that is not UTF-8
//	\u{202e}     any other character that is not to be shown, by its code point
//	\\           a backslash
//
// The field can be read from it, byte by byte. Two texts look the same only if
// their characters do, or by what belongs there: the variation selectors and
// joiners of emoji, joiners between the letters of scripts that have them, and
// a blank of another kind than the space between two words.
func Escape(dst, text []byte) []byte { return escape(dst, text, special) }

// EscapeName is Escape for a name, of which more is asked, because people go by
// it: two names that differ do not look the same. What has no shape of its own
// is escaped wherever it is: what Unicode calls ignorable, blanks but the space,
// and what is not assigned. So is another spelling of the same character, another
// form of ASCII, and a letter of another alphabet in a Latin word. An empty name
// is shown as "". It does not tell apart characters that merely resemble each
// other, as l and I do, nor words that are all of another alphabet.
func EscapeName(dst, name []byte) []byte {
	switch string(name) {
	case "":
		return append(dst, `""`...)
	case `""`:
		dst = escapeByte(dst, name[0])
		name = name[1:]
	}
	return escape(dst, name, special|named)
}

// escapeQuoted is EscapeName for a place between quotes, which are escaped too.
func escapeQuoted(dst, field []byte) []byte { return escape(dst, field, special|quote|named) }

func escape(dst, field []byte, what class) []byte {
	var w word
	for at := 0; ; {
		n, r, size := plain(field, at, what, &w)
		dst = append(dst, field[at:at+n]...)
		if size == 0 {
			return dst
		}
		dst = escapeRune(dst, r, field[at+n], size)
		at += n + size
	}
}

// escapeRune appends the escape for one character of the given size, or for
// one byte that is none.
func escapeRune(dst []byte, r rune, b byte, size int) []byte {
	switch {
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\\' || r == '"':
		return append(dst, '\\', b)
	case size == 1:
		return escapeByte(dst, b)
	default:
		dst = append(dst, `\u{`...)
		dst = strconv.AppendUint(dst, uint64(r), 16)
		return append(dst, '}')
	}
}

const hexDigits = "0123456789abcdef"

func escapeByte(dst []byte, b byte) []byte {
	return append(dst, '\\', 'x', hexDigits[b>>4], hexDigits[b&0xf])
}

// A class tells ASCII characters apart by what has to be escaped where.
type class uint8

const (
	special class = 1 << iota // controls and the backslash: everywhere
	quote                     // the quote: between quotes
	long                      // not ASCII: needs a look at more than one byte
	named                     // of no byte: the rules are those for names
)

var classes = func() (t [256]class) {
	for b := range t {
		switch {
		case b < ' ' || b == 0x7f || b == '\\':
			t[b] = special
		case b == '"':
			t[b] = quote
		case b >= utf8.RuneSelf:
			t[b] = long
		}
	}
	return t
}()

// plain returns how many bytes of field, from a place on, can be shown as they
// are, and the character after them with its size. The size is 0 at the end of
// field; a byte that is not UTF-8 is utf8.RuneError of size 1. What is before
// the place is not shown as it is; w is for plain alone, one for each field.
func plain(field []byte, from int, what class, w *word) (n int, r rune, size int) {
	bytewise := what | long
	at := from
	for at < len(field) {
		if rest := field[at:]; len(rest) >= 8 {
			found := findSpecial(binary.LittleEndian.Uint64(rest))
			if found == 0 {
				at += 8
				continue
			}
			at += bits.TrailingZeros64(found) / 8
		}
		b := field[at]
		if classes[b]&bytewise == 0 {
			at++
			continue
		}
		if b < utf8.RuneSelf {
			return at - from, rune(b), 1
		}
		r, size = utf8.DecodeRune(field[at:])
		if r == utf8.RuneError && size == 1 || !visible(field[from:at], field[at:], r, what) ||
			what&named != 0 && w.isLookalike(field, at, r) {
			return at - from, r, size
		}
		at += size
	}
	return at - from, 0, 0
}

// findSpecial returns 0 if none of the eight bytes in word is of any class, or
// else a word whose lowest bit is in the first that is. Almost all that is ever
// shown passes here, so it looks at eight bytes together: each term sets the
// top bit of bytes outside ASCII, of DEL, controls, quotes and backslashes. A
// borrow may set it in a byte above such a one, but not below.
func findSpecial(word uint64) uint64 {
	const (
		each        = 0x0101010101010101
		top         = each * 0x80
		quotes      = each * '"'
		backslashes = each * '\\'
	)
	return (word | (word + each) | (word - each*' ') |
		((word ^ quotes) - each) | ((word ^ backslashes) - each)) & top
}
