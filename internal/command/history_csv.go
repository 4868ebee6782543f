package command

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sop-chat/internal/console"
	"sop-chat/internal/history"
)

// csvExporter writes a table (RFC 4180). Cells with text of clients are quoted, and
// no spreadsheet takes them for formulas, whether it separates cells by commas or
// by semicolons: with semicolons the quotes are in the middle of a cell, and a
// semicolon between them begins another one.
type csvExporter struct {
	out   *bufio.Writer
	rooms bool
	line  []byte
}

// newCSVExporter returns an exporter. rooms says that the file has several.
func newCSVExporter(out *bufio.Writer, rooms bool) (*csvExporter, error) {
	heading := "sequence,time,room,name,authenticated_name,address,text\n"
	if rooms {
		heading = "sequence,number,time,room,name,authenticated_name,address,text\n"
	}
	_, err := out.WriteString(heading)
	return &csvExporter{out: out, rooms: rooms}, err
}

func (c *csvExporter) message(m *history.Message) error {
	c.line = strconv.AppendInt(c.line[:0], m.Sequence, 10)
	if c.rooms {
		c.line = append(c.line, ',')
		c.line = strconv.AppendInt(c.line, m.Number, 10)
	}
	c.line = append(c.line, ',')
	c.line = m.Time.UTC().AppendFormat(c.line, time.RFC3339Nano)
	c.line = appendName(c.line, []byte(m.Room))
	c.line = appendName(c.line, m.Wire.Name())
	c.line = appendName(c.line, []byte(m.From.Name))
	c.line = append(c.line, ',')
	if m.From.Addr.IsValid() {
		c.line = m.From.Addr.AppendTo(c.line)
	}
	c.line = appendCell(c.line, m.Wire.Text(), console.Escape)
	_, err := c.out.Write(append(c.line, '\n'))
	return err
}

func (c *csvExporter) finish() error { return c.out.Flush() }

// appendName appends a cell with a name. An empty name stays empty.
func appendName(line, name []byte) []byte {
	if len(name) > 0 {
		name = console.EscapeName(nil, name)
	}
	asItIs := func(dst, escaped []byte) []byte { return append(dst, escaped...) }
	return appendCell(line, name, asItIs)
}

// appendCell appends a comma and a quoted field. Control characters in it are
// escaped, and so are characters that begin a formula, where one could begin.
func appendCell(line, field []byte, escape func(dst, field []byte) []byte) []byte {
	line = append(line, `,"`...)
	var shown []byte
	begins, rest := true, 0 // a cell begins here; field[rest:] is not escaped yet
	for i := 0; i < len(field); {
		r, size := utf8.DecodeRune(field[i:])
		if begins && beginsFormula(r) {
			shown = escape(shown, field[rest:i])
			shown = appendEscaped(shown, r)
			rest = i + size
		}
		begins = r == ';' || begins && (unicode.IsSpace(r) || strings.ContainsRune(`"'`, r))
		i += size
	}
	shown = escape(shown, field[rest:])
	line = append(line, bytes.ReplaceAll(shown, []byte{'"'}, []byte(`""`))...)
	return append(line, '"')
}

// appendEscaped appends a character in the form in which console.Escape escapes.
func appendEscaped(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		return fmt.Appendf(dst, `\x%02x`, r)
	}
	return fmt.Appendf(dst, `\u{%x}`, r)
}

// beginsFormula reports whether a formula may begin with a character: those that
// OWASP names, and their full-width forms. Control characters are escaped anyway.
func beginsFormula(r rune) bool { return strings.ContainsRune("=+-@＝＋－＠", r) }
