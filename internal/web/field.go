//go:build linux

package web

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// A field is a message's name or text, which need not be UTF-8. In JSON a byte that
// is not becomes \udc80 to \udcff, a lone surrogate, which is what the page makes
// of such a byte in a message that arrives (page/wire.js). [json.Marshal] would make
// all of them U+FFFD.
type field []byte

// MarshalJSON returns the field as a string.
func (f field) MarshalJSON() ([]byte, error) {
	quoted := []byte{'"'}
	for len(f) > 0 {
		n := validPrefix(f)
		if n == 0 {
			quoted = fmt.Appendf(quoted, `\udc%02x`, f[0])
			f = f[1:]
			continue
		}
		valid, err := json.Marshal(string(f[:n]))
		if err != nil {
			return nil, err
		}
		quoted = append(quoted, valid[1:len(valid)-1]...)
		f = f[n:]
	}
	return append(quoted, '"'), nil
}

// validPrefix returns how many of the first bytes are UTF-8.
func validPrefix(f []byte) (n int) {
	for n < len(f) {
		r, size := utf8.DecodeRune(f[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}
