package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A span is the part of a text that makes up a row: bytes from begin to end.
type span struct{ begin, end int }

// wrap breaks a text into rows that are at most width columns wide: at line
// breaks, otherwise at the last blank that fits, and in a word that is longer than
// a row anywhere between characters. A blank at the end of a row is not shown.
// There is at least one row. The text must be safe to show, see package console.
func wrap(text string, width int) []span {
	width = max(width, 1)
	var rows []span
	begin, taken := 0, 0 // the row, and its columns
	blank := -1          // the last one in this row; the next row would begin after it
	blankTaken := 0
	for i := 0; i < len(text); {
		n, w := cluster(text[i:])
		switch {
		case text[i] == '\n':
			rows = append(rows, span{begin, i})
			begin, taken, blank = i+1, 0, -1
			i++
			continue
		case text[i] == ' ' && taken >= width: // it is not shown
			rows = append(rows, span{begin, i})
			begin, taken, blank = i+1, 0, -1
			i++
			continue
		case taken+w > width && taken > 0:
			if blank >= begin && columns(word(text[blank+1:])) <= width {
				rows = append(rows, span{begin, blank})
				begin, taken = blank+1, taken-blankTaken
			} else {
				rows = append(rows, span{begin, i})
				begin, taken = i, 0
			}
			blank = -1
			continue // it may still be too wide
		}
		taken += w
		if text[i] == ' ' {
			blank, blankTaken = i, taken
		}
		i += n
	}
	return append(rows, span{begin, len(text)})
}

// word returns the text before the next blank or line break.
func word(text string) string {
	if i := strings.IndexAny(text, " \n"); i >= 0 {
		return text[:i]
	}
	return text
}

// cluster returns the length of the first grapheme cluster, and how many columns it
// has. Terminals differ in how wide some emoji are; none makes them wider than
// this.
func cluster(text string) (n, columns int) {
	if text[0] < 0x80 && (len(text) == 1 || text[1] < 0x80) {
		return 1, 1
	}
	c, w := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
	return len(c), max(w, ansi.StringWidthWc(c))
}

// columns returns how many columns a text of one row has at most.
func columns(text string) (n int) {
	for len(text) > 0 {
		size, w := cluster(text)
		n += w
		text = text[size:]
	}
	return n
}

// cut returns the beginning of a text that fits into a width, with a mark if the
// text is longer.
func cut(text string, width int) string {
	if columns(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return text[:fitting(text, width-1)] + ellipsis
}

const ellipsis = "…" // one column

// fitting returns the length of the beginning of a text that fits into a width.
func fitting(text string, width int) (n int) {
	for n < len(text) {
		size, w := cluster(text[n:])
		if width -= w; width < 0 {
			break
		}
		n += size
	}
	return n
}
