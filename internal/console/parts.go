package console

import (
	"bytes"
	"iter"
)

// Parts returns the parts of what Escape or one of its kind has returned: stretches
// of the text as it was written, and single escapes. A place that shows escapes in
// a style of their own needs no escapes for backslashes, so they are undone.
func Parts(escaped []byte) iter.Seq2[[]byte, bool] {
	return func(yield func(part []byte, isEscape bool) bool) {
		for len(escaped) > 0 {
			n := bytes.IndexByte(escaped, '\\')
			if n != 0 {
				if n < 0 {
					n = len(escaped)
				}
				if !yield(escaped[:n], false) {
					return
				}
				escaped = escaped[n:]
				continue
			}
			n = escapeLength(escaped)
			part, isEscape := escaped[:n], true
			if part[1] == '\\' {
				part, isEscape = part[1:], false
			}
			if !yield(part, isEscape) {
				return
			}
			escaped = escaped[n:]
		}
	}
}

// escapeLength returns the length of the escape that escaped begins with.
func escapeLength(escaped []byte) int {
	switch escaped[1] {
	case 'x':
		return len(`\x1b`)
	case 'u':
		return bytes.IndexByte(escaped, '}') + 1
	}
	return len(`\n`)
}

// AppendReadable is Escape for a line that people read and copy from, where escapes
// have no style of their own. Tabs and most backslashes are as they were written. A
// backslash is doubled only where what follows it would make it an escape, so that
// the text can still be read from it:
//
//	C:\Users\bob    as it was written
//	C:\\new         a backslash and new; C:\new is a line break and ew
func AppendReadable(dst, text []byte) []byte {
	escaped := Escape(nil, text)
	if bytes.IndexByte(escaped, '\\') < 0 {
		return append(dst, escaped...)
	}
	for part, isEscape := range Parts(escaped) {
		escaped = escaped[len(part):]
		switch {
		case isEscape && part[1] == 't':
			dst = append(dst, '\t')
		case !isEscape && part[0] == '\\':
			escaped = escaped[1:] // the other one
			if beginsLikeEscape(escaped) {
				dst = append(dst, '\\')
			}
			dst = append(dst, '\\')
		default:
			dst = append(dst, part...)
		}
	}
	return dst
}

// beginsLikeEscape reports whether a backslash before the rest of a text would make
// an escape with it.
func beginsLikeEscape(rest []byte) bool {
	if len(rest) == 0 {
		return false
	}
	switch rest[0] {
	case '\\', 'n', 'r':
		return true
	case 'x':
		return len(rest) > 2 && isHex(rest[1]) && isHex(rest[2])
	case 'u':
		return len(rest) > 2 && rest[1] == '{' && isHex(rest[2])
	}
	return false
}

func isHex(b byte) bool { return bytes.IndexByte([]byte(hexDigits), b) >= 0 }
