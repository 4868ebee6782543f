package tomlfile

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A Table is a table of a file, with its settings in their order. The first one of a file
// has no name.
type Table struct {
	At       Place
	Name     string
	Array    bool // it is written [[name]], and not [name]
	Settings []Setting
}

// A Setting is a key with its value. The parts of a dotted name have dots between them.
type Setting struct {
	At    Place
	Name  string
	Value Value
}

// Parse returns the tables of a file's content, at least the first one. An error begins
// with the name of the file and the line, and never has a value. Also if there is an
// error, the tables are those that could be read.
func Parse(name string, content []byte) ([]Table, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")) // some editors begin UTF-8 with it
	r := reader{name: name, content: content, line: 1}
	r.tables = []Table{{At: Place{Source: name}}}
	r.toml.Reset(content)
	for r.toml.NextExpression() {
		r.expression(r.toml.Expression())
	}
	err := check(name, content)
	if err == nil && r.toml.Error() != nil {
		err = Place{Source: name}.Errorf("%w", r.toml.Error())
	}
	return r.tables, err
}

// check returns an error if content is not TOML, which includes that nothing is defined
// twice. Its text has no values: they may be keys.
func check(name string, content []byte) error {
	var table map[string]any
	err := toml.Unmarshal(content, &table)
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := wrong.Position()
		words := strings.TrimPrefix(strings.TrimPrefix(wrong.Error(), "toml: "), "key ") // or it says "key key is …"
		if lacksQuotes(content, line, column) {
			words += "; a text needs quotes around it"
		}
		return Place{name, line}.Errorf("column %d: %s", column, words)
	}
	if err != nil {
		return Place{Source: name}.Errorf("%w", err)
	}
	return nil
}

// lacksQuotes reports whether a value begins with a letter, or like a path or an address.
func lacksQuotes(content []byte, line, column int) bool {
	lines := bytes.SplitN(content, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return false
	}
	key, value, found := bytes.Cut(lines[line-1], []byte("="))
	value = bytes.TrimLeft(value, " \t")
	return found && column > len(key) && len(value) > 0 &&
		(value[0]|0x20 >= 'a' && value[0]|0x20 <= 'z' || bytes.IndexByte([]byte("/.:@~"), value[0]) >= 0)
}

// A reader reads the expressions of a file one after the other.
type reader struct {
	name    string
	content []byte
	toml    unstable.Parser
	tables  []Table

	// The line of the byte at an offset that only grows.
	offset int
	line   int
}

// place returns the place of the byte at an offset, which must not be before that of
// the last call.
func (r *reader) place(offset uint32) Place {
	r.line += bytes.Count(r.content[r.offset:offset], []byte("\n"))
	r.offset = int(offset)
	return Place{r.name, r.line}
}

// expression reads a line that begins a table, or one that sets something in it.
func (r *reader) expression(node *unstable.Node) {
	keys := node.Key()
	at := r.place(keys.Node().Raw.Offset)
	var words []string
	for keys.Next() {
		words = append(words, string(keys.Node().Data))
	}
	name := strings.Join(words, ".")
	if node.Kind != unstable.KeyValue {
		r.tables = append(r.tables, Table{At: at, Name: name, Array: node.Kind == unstable.ArrayTable})
		return
	}
	last := &r.tables[len(r.tables)-1]
	last.Settings = append(last.Settings, Setting{at, name, valueOf(node.Value())})
}

// A Kind is the type of a value.
type Kind int

// The kinds of values. Other is that of fractions, dates and tables in a line.
const (
	Other Kind = iota
	Text
	Number // a whole one
	Truth
	List
)

// A Value is the value of a setting.
type Value struct {
	Kind  Kind
	Text  string  // without quotes; of a number the decimal digits
	Items []Value // of a list
}

func valueOf(node *unstable.Node) Value {
	v := Value{Text: string(node.Data)}
	switch node.Kind {
	case unstable.String:
		v.Kind = Text
	case unstable.Bool:
		v.Kind = Truth
	case unstable.Integer:
		v.Kind, v.Text = Number, digits(v.Text)
	case unstable.Array:
		v.Kind = List
		items := node.Children()
		for items.Next() {
			v.Items = append(v.Items, valueOf(items.Node()))
		}
	}
	return v
}

// digits returns a whole number as a flag would have it.
func digits(text string) string {
	text = strings.ReplaceAll(text, "_", "")
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return text
	}
	return strconv.FormatInt(n, 10)
}
