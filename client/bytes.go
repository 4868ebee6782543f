package client

import (
	"encoding/json"
	"errors"
	"strconv"
)

// bytesInJSON are any bytes in a JSON string of the history. Those that are not UTF-8
// are lone surrogates there, \udc80 to \udcff, for which package json has U+FFFD.
type bytesInJSON string

// UnmarshalJSON decodes a string.
func (s *bytesInJSON) UnmarshalJSON(literal []byte) error {
	if len(literal) < 2 || literal[0] != '"' {
		return errors.New("a name or text in the history is no string")
	}
	var decoded []byte
	content := literal[1 : len(literal)-1]
	for begin, i := 0, 0; ; {
		size, lone := escapeAt(content[i:])
		if lone == 0 && size > 0 {
			i += size
			continue
		}
		var text string
		if err := json.Unmarshal([]byte(`"`+string(content[begin:i])+`"`), &text); err != nil {
			return err
		}
		decoded = append(decoded, text...)
		if size == 0 {
			*s = bytesInJSON(decoded)
			return nil
		}
		decoded = append(decoded, lone)
		i += size
		begin = i
	}
}

// escapeAt returns the size of what a string goes on with: an escape sequence, or a
// byte that is none. If it is a byte that is not UTF-8, it returns that, too.
func escapeAt(s []byte) (size int, lone byte) {
	const unicode = len(`\u0000`)
	switch {
	case len(s) < 2 || s[0] != '\\':
		return min(len(s), 1), 0
	case s[1] != 'u' || len(s) < unicode:
		return 2, 0
	}
	r, err := strconv.ParseUint(string(s[2:unicode]), 16, 16)
	switch {
	case err != nil:
		return unicode, 0
	case r >= 0xd800 && r < 0xdc00 && len(s) >= 2*unicode && s[unicode] == '\\' && s[unicode+1] == 'u':
		return 2 * unicode, 0 // with the other half
	case r >= 0xdc80 && r <= 0xdcff:
		return unicode, byte(r)
	}
	return unicode, 0
}
