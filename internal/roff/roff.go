// Package roff writes manual pages with the macros of man(7), which groff and mandoc
// show. It knows nothing of commands.
package roff

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Text is text with the escapes of roff.
type Text string

// escapes are those of characters that roff replaces by others, or acts on.
var escapes = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, `"`, `\(dq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`)

// Plain returns text that is shown as it is, but for blanks and line breaks.
func Plain(s string) Text {
	var b strings.Builder
	for _, r := range escapes.Replace(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return Text(b.String())
}

// Bold returns text in bold.
func Bold(s string) Text { return `\fB` + Plain(s) + `\fR` }

// Italic returns text in italics, or underlined.
func Italic(s string) Text { return `\fI` + Plain(s) + `\fR` }

// A Page is a manual page. Its lines are kept short, and each sentence begins a line,
// because roff knows the end of a sentence by that of a line.
type Page struct {
	text    strings.Builder
	between bool // the section has text already
}

// NewPage begins a page, with what stands above and below it. date is YYYY-MM-DD; it and
// source may be empty. Words are not divided, so that flags and names can be copied.
func NewPage(name string, section int, date, source, manual string) *Page {
	p := new(Page)
	fmt.Fprintf(&p.text, ".TH \"%s\" %d \"%s\" \"%s\" \"%s\"\n.nh\n.ad l\n",
		Plain(strings.ToUpper(name)), section, date, Plain(source), Plain(manual))
	return p
}

// Section begins a section.
func (p *Page) Section(title string) {
	fmt.Fprintf(&p.text, ".SH \"%s\"\n", Plain(title))
	p.between = false
}

// Name writes the section NAME in the form that whatis needs.
func (p *Page) Name(name, about string) {
	p.Section("NAME")
	fmt.Fprintf(&p.text, "%s \\- %s\n", Plain(name), Plain(about))
}

// Paragraph writes a paragraph.
func (p *Page) Paragraph(t Text) {
	if p.between {
		p.text.WriteString(".PP\n")
	}
	p.between = true
	p.lines(t)
}

// Item writes what a tag stands for.
func (p *Page) Item(tag, about Text) {
	p.text.WriteString(".TP\n")
	p.between = true
	p.line(string(tag))
	p.lines(about)
}

// Bytes returns the page.
func (p *Page) Bytes() []byte { return []byte(p.text.String()) }

// lines writes text in lines of some 80 bytes.
func (p *Page) lines(t Text) {
	const width = 80
	line := ""
	for word := range strings.FieldsSeq(string(t)) {
		switch {
		case line == "":
			line = word
		case endsSentence(line) || len(line)+1+len(word) > width:
			p.line(line)
			line = word
		default:
			line += " " + word
		}
	}
	if line != "" {
		p.line(line)
	}
}

// endsSentence reports whether a line ends with a sentence.
func endsSentence(line string) bool {
	line = strings.TrimRight(strings.TrimSuffix(line, `\fR`), `)`)
	if strings.HasSuffix(line, "...") { // something may be repeated
		return false
	}
	return strings.HasSuffix(line, ".") || strings.HasSuffix(line, "?") || strings.HasSuffix(line, "!")
}

// line writes a line of text. At its beginning a full stop would be that of a request; a
// quotation mark, which would be another, is escaped everywhere.
func (p *Page) line(line string) {
	if strings.HasPrefix(line, ".") {
		p.text.WriteString(`\&`)
	}
	p.text.WriteString(line + "\n")
}
