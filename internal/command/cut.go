package command

import (
	"strings"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// longestText is how long a text of the server's is at most. With one byte less than fits,
// it has a terminator, which some clients need.
const longestText = wire.TextSize - 1

// messagesOf returns texts as messages under a name.
func messagesOf(name string, texts []string) ([]wire.Message, error) {
	messages := make([]wire.Message, len(texts))
	for i, text := range texts {
		var err error
		if messages[i], err = wire.New(name, text); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

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
