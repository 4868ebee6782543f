package admin

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// A table has rows below a heading, in columns that are as wide as their widest cell.
type table struct {
	right []bool // columns that end below one another
	rows  [][]string
}

// newTable returns a table with the headings of its columns. One that begins with '>' is
// of a column of numbers.
func newTable(headings ...string) *table {
	t := &table{}
	for i, heading := range headings {
		name, isRight := strings.CutPrefix(heading, ">")
		t.right = append(t.right, isRight)
		headings[i] = name
	}
	t.rows = [][]string{headings}
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// append appends the table.
func (t *table) append(dst []byte) []byte {
	const gap = 2
	widths := make([]int, len(t.right))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	for _, row := range t.rows {
		blanks := 0
		for i, cell := range row {
			if cell == "" {
				blanks += widths[i] + gap
				continue
			}
			missing := widths[i] - columns(cell)
			if t.right[i] {
				blanks += missing
				missing = 0
			}
			dst = append(dst, strings.Repeat(" ", blanks)...)
			dst = append(dst, cell...)
			blanks = missing + gap
		}
		dst = append(dst, '\n')
	}
	return dst
}

// columns returns how many columns of a terminal a text takes.
func columns(text string) (n int) {
	for _, r := range text {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			if !unicode.In(r, unicode.Mn, unicode.Me) {
				n++
			}
		}
	}
	return n
}
