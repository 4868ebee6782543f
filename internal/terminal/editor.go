package terminal

import "strings"

// An editor is a text with a cursor. It moves over grapheme clusters as wholes and
// deletes them as such: what looks like one character is one. It knows no keys and
// no screen.
type editor struct {
	text   string
	cursor int // a byte where a grapheme cluster begins, or the end
}

// blanks separate words.
const blanks = " \t\n"

func (e *editor) insert(text string) {
	e.text = e.text[:e.cursor] + text + e.text[e.cursor:]
	e.cursor = e.ceil(e.cursor + len(text)) // it may have joined what follows
}

// remove removes the bytes from begin to end, and puts the cursor there.
func (e *editor) remove(begin, end int) {
	e.text = e.text[:begin] + e.text[end:]
	e.cursor = e.ceil(begin)
}

// floor returns where the cluster begins that has the byte at a position.
func (e *editor) floor(at int) int {
	begin := e.lineBegin(at)
	for begin < at {
		n, _ := cluster(e.text[begin:])
		if begin+n > at {
			break
		}
		begin += n
	}
	return begin
}

// ceil returns where the next cluster begins, unless one begins at the position.
func (e *editor) ceil(at int) int {
	begin := e.floor(at)
	if begin == at {
		return at
	}
	n, _ := cluster(e.text[begin:])
	return begin + n
}

// left and right return the positions beside the cursor's.
func (e *editor) left() int { return e.floor(max(0, e.cursor-1)) }

func (e *editor) right() int {
	if e.cursor == len(e.text) {
		return e.cursor
	}
	n, _ := cluster(e.text[e.cursor:])
	return e.cursor + n
}

// wordLeft returns the beginning of the word before the cursor, or of the one that
// it is in.
func (e *editor) wordLeft() int {
	before := strings.TrimRight(e.text[:e.cursor], blanks)
	return e.floor(strings.LastIndexAny(before, blanks) + 1)
}

// wordRight returns the end of the word after the cursor, or of the one that it is
// in.
func (e *editor) wordRight() int {
	after := strings.TrimLeft(e.text[e.cursor:], blanks)
	begin := len(e.text) - len(after)
	if i := strings.IndexAny(after, blanks); i >= 0 {
		return e.ceil(begin + i)
	}
	return len(e.text)
}

// lineBegin returns the beginning of the line that has a position.
func (e *editor) lineBegin(at int) int { return strings.LastIndexByte(e.text[:at], '\n') + 1 }

// lineEnd returns the end of the cursor's line.
func (e *editor) lineEnd() int {
	if i := strings.IndexByte(e.text[e.cursor:], '\n'); i >= 0 {
		return e.cursor + i
	}
	return len(e.text)
}
