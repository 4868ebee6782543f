package terminal

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A Prompt is a line at the bottom of a terminal in which commands are typed, while a
// program prints what happens above it. The line has one row, whatever is in it.
//
// It knows no terminal modes: keys have to come one by one and without echo while it is
// shown. Any goroutine may call Write; the other methods are for one.
type Prompt struct {
	out      io.Writer
	complete Complete

	mu      sync.Mutex
	shown   bool
	drawn   bool // the line is on the screen
	broken  bool // what was printed last does not end its line
	width   int
	editor  editor
	past    []string // what was entered, the oldest first
	at      int      // in it; its length for what is being typed
	draft   string   // what was being typed
	keys    []byte   // the beginning of a sequence, or of a character
	pasting bool
	tabbed  bool // the last key was Tab, and there was more than one candidate
}

// Complete returns what may take the place of the end of a text, from an index on.
type Complete func(text string) (from int, candidates []string)

// A Draft is what a prompt has when another program takes its place.
type Draft struct {
	Text    string   `json:"text,omitempty"`
	Cursor  int      `json:"cursor,omitempty"` // in bytes
	Past    []string `json:"past,omitempty"`   // what was entered, the oldest first
	Keys    []byte   `json:"keys,omitempty"`   // the beginning of a sequence, or of a character
	Pasting bool     `json:"pasting,omitempty"`
}

// Draft returns what another prompt needs to go on. Any goroutine may call it.
func (p *Prompt) Draft() Draft {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Draft{p.editor.text, p.editor.cursor, slices.Clone(p.past), slices.Clone(p.keys), p.pasting}
}

// GoOn begins with a draft.
func (p *Prompt) GoOn(d Draft) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.insert(d.Text) // of which the rest can't be shown
	if d.Cursor >= 0 && d.Cursor < len(p.editor.text) && utf8.RuneStart(p.editor.text[d.Cursor]) {
		p.editor.cursor = d.Cursor
	}
	p.past, p.keys, p.pasting = d.Past[max(0, len(d.Past)-mostPast):], d.Keys, d.Pasting
	p.at = len(p.past)
}

// mark begins the line.
const mark = "> "

// mostPast is how many entered lines are remembered.
const mostPast = 100

// NewPrompt returns a prompt that is not shown.
func NewPrompt(out io.Writer, complete Complete) *Prompt {
	return &Prompt{out: out, complete: complete}
}

const (
	eraseRow     = "\r\x1b[J" // and what is below, if the terminal has become narrower
	pasteModeOn  = "\x1b[?2004h"
	pasteModeOff = "\x1b[?2004l"
)

// Show shows the line on a terminal with that many columns, or again if that has changed.
func (p *Prompt) Show(columns int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = columns
	b := p.erase(nil)
	if !p.shown {
		b = append(b, pasteModeOn...)
	}
	p.shown = true
	p.out.Write(p.draw(b))
}

// Hide removes the line. What is printed then is not changed.
func (p *Prompt) Hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		p.out.Write(append(p.erase(nil), pasteModeOff...))
	}
	p.shown, p.keys, p.pasting = false, nil, false
}

// Write prints above the line.
func (p *Prompt) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(text) == 0 {
		return 0, nil
	}
	p.broken = text[len(text)-1] != '\n'
	if !p.shown {
		return p.out.Write(text)
	}
	b := p.erase(nil)
	before := len(b)
	b = append(b, text...)
	n, err := p.out.Write(p.draw(b))
	return min(max(0, n-before), len(text)), err
}

// erase appends what removes the line from the screen. The caller holds the lock.
func (p *Prompt) erase(b []byte) []byte {
	if p.drawn {
		b = append(b, eraseRow...)
	}
	p.drawn = false
	return b
}

// draw appends the line, unless something else is to be printed before its row ends. The
// caller holds the lock.
func (p *Prompt) draw(b []byte) []byte {
	if !p.shown || p.broken {
		return b
	}
	p.drawn = true
	text, cursor := p.visible()
	b = append(append(b, mark...), text...)
	return fmt.Appendf(b, "\r\x1b[%dC", len(mark)+cursor)
}

// visible returns the part of the text that fits into the row, and in which of its columns
// the cursor is.
func (p *Prompt) visible() (text string, cursor int) {
	most := max(1, p.width-len(mark)-1)
	begin := 0
	for columns(p.editor.text[begin:p.editor.cursor]) > most {
		n, _ := cluster(p.editor.text[begin:])
		begin += n
	}
	end, width := begin, 0
	for end < len(p.editor.text) {
		n, w := cluster(p.editor.text[end:])
		if width += w; width > most {
			break
		}
		end += n
	}
	return p.editor.text[begin:end], columns(p.editor.text[begin:p.editor.cursor])
}

// Type handles what was typed, and returns the lines that were entered.
func (p *Prompt) Type(typed []byte) (entered []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, typed...)
	for len(p.keys) > 0 {
		n := p.press()
		if n == 0 {
			break // the rest comes later
		}
		if enters := p.keys[0] == '\r' || p.keys[0] == '\n'; enters && !p.pasting {
			entered = append(entered, p.enter())
		}
		p.keys = p.keys[n:]
	}
	p.out.Write(p.draw(p.erase(nil)))
	return entered
}

// enter leaves the line as it was typed, and begins another. The caller holds the lock.
func (p *Prompt) enter() string {
	text := p.editor.text
	p.out.Write(append(append(p.erase(nil), mark+text...), '\n'))
	p.editor = editor{}
	if isNew := len(p.past) == 0 || p.past[len(p.past)-1] != text; isNew && strings.TrimSpace(text) != "" {
		p.past = append(p.past[max(0, len(p.past)-mostPast+1):], text)
	}
	p.at, p.draft = len(p.past), ""
	return text
}

// Forget forgets the line that was entered last, because of what is in it.
func (p *Prompt) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.past = p.past[:max(0, len(p.past)-1)]
	p.at = len(p.past)
}

// press does what the first key calls for, and returns its length; 0 if it is incomplete.
// The caller holds the lock.
func (p *Prompt) press() int {
	const longest = 32 // of a sequence
	switch b := p.keys; {
	case p.pasting:
		return p.paste()
	case b[0] == 0x1b && len(b) > 2 && (b[1] == '[' || b[1] == 'O'):
		end := bytes.IndexFunc(b[2:], func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 && len(b) < longest {
			return 0
		}
		n := min(len(b), 2+end+1)
		p.sequence(string(b[2:n]))
		return n
	case b[0] == 0x1b && (len(b) == 1 || len(b) == 2 && (b[1] == '[' || b[1] == 'O')):
		return 0 // as in shells, Esc before a key is Alt with it
	case b[0] == 0x1b && b[1] == 0x1b:
		return 1
	case b[0] == 0x1b:
		p.alt(b[1])
		return 2
	case b[0] < ' ' || b[0] == 0x7f:
		p.control(b[0])
		return 1
	case !utf8.FullRune(b):
		return 0
	}
	r, n := utf8.DecodeRune(p.keys)
	p.insert(string(r))
	return n
}

// paste takes what is pasted, up to its end, as one line.
func (p *Prompt) paste() int {
	text, _, ends := bytes.Cut(p.keys, []byte(pasteEnds))
	if !ends {
		keep := len(pasteEnds) - 1 // may be the beginning of the end
		if text = text[:max(0, len(text)-keep)]; len(text) == 0 {
			return 0
		}
		p.insert(string(text))
		return len(text)
	}
	p.insert(string(text))
	p.pasting = false
	return len(text) + len(pasteEnds)
}

// insert inserts what can be shown of a text.
func (p *Prompt) insert(text string) {
	const most = 4096 // bytes of a line
	p.tabbed = false
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsGraphic(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
	if len(p.editor.text)+len(text) <= most {
		p.editor.insert(text)
	}
}

// sequence does what a key calls for that comes as a sequence.
func (p *Prompt) sequence(keys string) {
	p.tabbed = false
	e := &p.editor
	switch keys {
	case "A":
		p.recall(-1)
	case "B":
		p.recall(1)
	case "C":
		e.cursor = e.right()
	case "D":
		e.cursor = e.left()
	case "1;5C", "1;3C":
		e.cursor = e.wordRight()
	case "1;5D", "1;3D":
		e.cursor = e.wordLeft()
	case "H", "1~", "7~":
		e.cursor = 0
	case "F", "4~", "8~":
		e.cursor = len(e.text)
	case "3~":
		e.remove(e.cursor, e.right())
	case "200~":
		p.pasting = true
	}
}

// alt does what a key calls for that is pressed with Alt.
func (p *Prompt) alt(key byte) {
	p.tabbed = false
	e := &p.editor
	switch key {
	case 'b':
		e.cursor = e.wordLeft()
	case 'f':
		e.cursor = e.wordRight()
	case 'd':
		e.remove(e.cursor, e.wordRight())
	case 0x7f:
		e.remove(e.wordLeft(), e.cursor)
	}
}

// control does what a key calls for that is pressed with Ctrl, or is one of its kind.
func (p *Prompt) control(key byte) {
	const ctrl = 0x1f
	e := &p.editor
	if key == '\t' {
		p.tab()
		return
	}
	p.tabbed = false
	switch key {
	case 'A' & ctrl:
		e.cursor = 0
	case 'B' & ctrl:
		e.cursor = e.left()
	case 'D' & ctrl:
		e.remove(e.cursor, e.right())
	case 'E' & ctrl:
		e.cursor = len(e.text)
	case 'F' & ctrl:
		e.cursor = e.right()
	case 'H' & ctrl, 0x7f:
		e.remove(e.left(), e.cursor)
	case 'K' & ctrl:
		e.remove(e.cursor, len(e.text))
	case 'N' & ctrl:
		p.recall(1)
	case 'P' & ctrl:
		p.recall(-1)
	case 'U' & ctrl:
		e.remove(0, e.cursor)
	case 'W' & ctrl:
		e.remove(e.wordLeft(), e.cursor)
	case 'L' & ctrl:
		p.out.Write([]byte("\x1b[H\x1b[2J"))
	}
}

// recall replaces the text by one that was entered before, or after.
func (p *Prompt) recall(by int) {
	to := p.at + by
	if to < 0 || to > len(p.past) {
		return
	}
	if p.at == len(p.past) {
		p.draft = p.editor.text
	}
	p.at = to
	text := p.draft
	if to < len(p.past) {
		text = p.past[to]
	}
	p.editor = editor{text: text, cursor: len(text)}
}

// tab completes the text before the cursor, or shows what it may become. The caller holds
// the lock, which is given back while candidates are found.
func (p *Prompt) tab() {
	before := p.editor.text[:p.editor.cursor]
	p.mu.Unlock()
	from, candidates := p.complete(before)
	p.mu.Lock()
	if len(candidates) == 0 {
		p.out.Write([]byte("\a"))
		return
	}
	common := candidates[0]
	for _, c := range candidates[1:] {
		for !strings.HasPrefix(c, common) {
			_, size := utf8.DecodeLastRuneInString(common)
			common = common[:len(common)-size]
		}
	}
	if len(candidates) == 1 {
		common += " "
	}
	if common != before[from:] && len(common) > 0 {
		p.editor.remove(from, p.editor.cursor)
		p.editor.insert(common)
		return
	}
	if p.tabbed {
		p.out.Write(append(p.erase(nil), strings.Join(candidates, "  ")+"\n"...))
	}
	p.tabbed = true
}
