package terminal

import (
	"sort"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	prompt         = "> "
	minWidthPrompt = 8 // of the screen; a narrower one has no space for it
)

// A draft is an editor on the screen: so many rows of so many columns that the cursor
// is always among them.
type draft struct {
	editor
	width, maxRows int
	top            int // the first row that is shown
	column         int // where Up and Down try to put the cursor, if it is not negative
	// graphemes is set if the terminal gives a grapheme cluster the columns of one
	// character, however many it consists of.
	graphemes bool
}

// resize changes the size, and scrolls to the cursor.
func (d *draft) resize(width, maxRows int) {
	d.width, d.maxRows = width, maxRows
	rows := d.rows()
	height, at := min(len(rows), d.maxRows), d.rowOf(rows, d.cursor)
	d.top = min(max(d.top, at-height+1), at, len(rows)-height)
}

func (d *draft) promptWidth() int {
	if d.width < minWidthPrompt {
		return 0
	}
	return len(prompt)
}

// rows breaks the text into rows. Unlike in wrap, blanks at the end of a row are a
// part of it, because the cursor may be there. Only they reach the last column: after
// anything else the cursor has it. A row that is full is followed by another for the
// cursor.
func (d *draft) rows() []span {
	width := max(1, d.width-d.promptWidth())
	var rows []span
	begin, taken, word := 0, 0, 0 // the row, its columns, and where its last word begins
	for at := 0; at < len(d.text); {
		if d.text[at] == '\n' {
			rows = append(rows, span{begin, at})
			if taken >= width {
				rows = append(rows, span{at, at})
			}
			at++
			begin, taken, word = at, 0, at
			continue
		}
		n, w := cluster(d.text[at:])
		isBlank, limit := true, width
		switch d.text[at] {
		case '\t':
			w = max(1, tabWidth(taken, width))
		case ' ':
		default:
			isBlank, limit = false, width-1
		}
		if taken+w > limit && at > begin {
			if word == begin || isBlank {
				word = at
			}
			rows = append(rows, span{begin, word})
			begin, taken = word, columns(d.text[word:at])
			continue // it may still be too wide
		}
		at += n
		taken += w
		if isBlank {
			word = at
		}
	}
	rows = append(rows, span{begin, len(d.text)})
	if taken >= width {
		rows = append(rows, span{len(d.text), len(d.text)})
	}
	return rows
}

// tabWidth returns how many columns a tab has after others in a row.
func tabWidth(taken, width int) int { return max(0, min(tabStop-taken%tabStop, width-taken)) }

// rowOf returns the index of the row that has a position.
func (d *draft) rowOf(rows []span, at int) int {
	return sort.Search(len(rows), func(i int) bool { return rows[i].begin > at }) - 1
}

// clusterWidth returns the columns of a cluster on the screen, as the library that
// draws counts them.
func (d *draft) clusterWidth(cluster string) int {
	if d.graphemes {
		return ansi.StringWidth(cluster)
	}
	return ansi.StringWidthWc(cluster)
}

// drawn returns a part of a row as it is drawn, with blanks for tabs, and its columns.
func (d *draft) drawn(part string) (text string, taken int) {
	var b strings.Builder
	for len(part) > 0 {
		n, _ := cluster(part)
		switch {
		case part[0] == '\t':
			w := tabWidth(taken, max(1, d.width-d.promptWidth()))
			b.WriteString(strings.Repeat(" ", w))
			taken += w
		default:
			b.WriteString(part[:n])
			taken += d.clusterWidth(part[:n])
		}
		part = part[n:]
	}
	return b.String(), taken
}

// height returns how many rows are shown.
func (d *draft) height() int { return min(len(d.rows()), d.maxRows) }

// view returns the rows that are shown.
func (d *draft) view() string {
	rows := d.rows()
	shown := make([]string, 0, d.maxRows)
	for i := d.top; i < min(d.top+d.maxRows, len(rows)); i++ {
		lead := strings.Repeat(" ", d.promptWidth())
		if i == 0 && lead != "" {
			lead = prompt
		}
		text, _ := d.drawn(d.text[rows[i].begin:rows[i].end])
		shown = append(shown, lead+text)
	}
	return strings.Join(shown, "\n")
}

// cursorPosition returns where the cursor is in the view.
func (d *draft) cursorPosition() tea.Position {
	rows := d.rows()
	row := d.rowOf(rows, d.cursor)
	_, taken := d.drawn(d.text[rows[row].begin:d.cursor])
	return tea.Position{X: min(d.promptWidth()+taken, max(0, d.width-1)), Y: row - d.top}
}

// atEdge reports whether the cursor is in the first row (-1) or the last (+1).
func (d *draft) atEdge(by int) bool {
	rows := d.rows()
	row := d.rowOf(rows, d.cursor)
	return by < 0 && row == 0 || by > 0 && row == len(rows)-1
}

// moveRows moves the cursor to another row, to the same column if there is one.
func (d *draft) moveRows(by int) {
	rows := d.rows()
	row := d.rowOf(rows, d.cursor)
	to := row + by
	if to < 0 || to >= len(rows) {
		return
	}
	if d.column < 0 {
		_, d.column = d.drawn(d.text[rows[row].begin:d.cursor])
	}
	at := rows[to].begin
	for at < rows[to].end {
		n, _ := cluster(d.text[at:])
		if at+n == rows[to].end && d.rowOf(rows, at+n) != to { // that is in the next row
			break
		}
		if _, taken := d.drawn(d.text[rows[to].begin : at+n]); taken > d.column {
			break
		}
		at += n
	}
	d.cursor = at
}
