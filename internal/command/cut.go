package command

import (
	"strings"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// longestText is how long a text of the server's is at most. With one byte less than fits,
// it has a terminator, which some clients need.
const longestText = wire.TextSize - 1

// cutText cuts a text into parts that fit messages: at the last line break or blank of a
// part, which is left out, if there is one in its last half, and else between two
// characters. A text without characters has no part.
func cutText(text string) (parts []string) {
	for len(text) > longestText {
		part := text[:longestText+1]
		end, rest := strings.LastIndexByte(part, '\n'), 1
		if end < longestText/2 {
			end = strings.LastIndexByte(part, ' ')
		}
		if end < longestText/2 {
			for end, rest = longestText, 0; end > longestText-utf8.UTFMax && !utf8.RuneStart(text[end]); {
				end--
			}
		}
		parts = append(parts, text[:end])
		text = text[end+rest:]
	}
	if text != "" {
		parts = append(parts, text)
	}
	return parts
}
