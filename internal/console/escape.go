package console

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Escape appends field to dst in a form that is safe to show: one line of
// valid UTF-8 in which nothing acts on a terminal, hides or changes the
// direction of what follows. Two different fields never look the same:
//
//	\n \r \t     line feed, carriage return, tab
//	\x1b         any other ASCII control, or a byte that is not UTF-8
//	\u{202e}     any other control or format character, by its code point
//	\\           a backslash
func Escape(dst, field []byte) []byte { return escape(dst, field, special) }

// escapeQuoted is Escape for a place between quotes, which are escaped too.
func escapeQuoted(dst, field []byte) []byte { return escape(dst, field, special|quote) }

func escape(dst, field []byte, what class) []byte {
	for {
		n, r, size := plain(field, what)
		dst = append(dst, field[:n]...)
		if size == 0 {
			return dst
		}
		dst = escapeRune(dst, r, field[n], size)
		field = field[n+size:]
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

// plain returns how many bytes field begins with that can be shown as they
// are, and the character after them with its size. The size is 0 at the end of
// field; a byte that is not UTF-8 is utf8.RuneError of size 1.
func plain(field []byte, what class) (n int, r rune, size int) {
	what |= long
	for n < len(field) {
		if rest := field[n:]; len(rest) >= 8 {
			found := findSpecial(binary.LittleEndian.Uint64(rest))
			if found == 0 {
				n += 8
				continue
			}
			n += bits.TrailingZeros64(found) / 8
		}
		b := field[n]
		if classes[b]&what == 0 {
			n++
			continue
		}
		if b < utf8.RuneSelf {
			return n, rune(b), 1
		}
		r, size = utf8.DecodeRune(field[n:])
		if r == utf8.RuneError && size == 1 || hostile(r) {
			return n, r, size
		}
		n += size
	}
	return n, 0, 0
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

const (
	zeroWidthNonJoiner = 0x200c
	zeroWidthJoiner    = 0x200d
	lineSeparator      = 0x2028
	paragraphSeparator = 0x2029
)

// hostile reports whether a character outside ASCII could deceive who sees it:
// controls, format characters (among them all that change the direction),
// separators of lines, and code points that are no characters. The two joiners
// are format characters too, but words and emoji are written with them.
func hostile(r rune) bool {
	switch {
	case r < 0xa0: // C1
		return true
	case r == zeroWidthNonJoiner || r == zeroWidthJoiner:
		return false
	case r == lineSeparator || r == paragraphSeparator:
		return true
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe: // never characters
		return true
	}
	return unicode.Is(unicode.Cf, r)
}
