package history

import (
	"bytes"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// isLackedBy reports whether a text certainly lacks something that the query asks for.
// It saves splitting most texts that are looked at one by one: what is in ASCII in the
// query must be in ASCII in a text without letters that fold to that.
func (q *query) isLackedBy(text string) bool {
	var buffer [wire.TextSize]byte
	folded, onlyASCII := buffer[:0], true
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			folded = append(folded, c)
			i++
			continue
		}
		onlyASCII = false
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\u200d' || r == '\ufe0f': // of emoji; no word ends there
		case isApart(r):
			folded = append(folded, 0)
		default:
			return false
		}
		i += size
	}
	for _, p := range q.phrases {
		for i := range p.all {
			if word := p.at(i); (onlyASCII || isASCII(word)) && !bytes.Contains(folded, word) {
				return true
			}
		}
	}
	return false
}

// isApart reports whether a character is one of those, common in chats, that are no part
// of a word that has letters in ASCII.
func isApart(r rune) bool {
	switch {
	case r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, // Chinese, Korean
		r >= 0x0e00 && r <= 0x0eff,                             // Thai, Lao
		r >= 0x3041 && r <= 0x3096, r >= 0x30a1 && r <= 0x30fa, // Japanese
		r >= 0x3000 && r <= 0x3002,
		r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f680 && r <= 0x1f6ff, r >= 0x1f900 && r <= 0x1faff: // emoji
		return true
	}
	return false
}

func isASCII(word []byte) bool {
	for _, c := range word {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
