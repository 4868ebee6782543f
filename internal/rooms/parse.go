package rooms

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Parse returns the rooms of a file's content, in its order. Each is a table [[room]]
// of TOML; name and key are needed. An error begins with the name of the file and the
// line, and never has a value of a key.
func Parse(name string, content []byte, rules Rules) ([]Room, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")) // some editors begin UTF-8 with it
	if err := checkTOML(name, content); err != nil {
		return nil, err
	}
	// What is valid is read once more, for the lines: the library's own decoder does not
	// tell them.
	p := parser{name: name, content: content, line: 1, rules: rules}
	p.toml.Reset(content)
	for p.toml.NextExpression() {
		if err := p.expression(p.toml.Expression()); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(p.toml.Error(), p.endRoom()); err != nil {
		return nil, err
	}
	if len(p.rooms) == 0 {
		return nil, Place{Source: name}.errorf("there is no room in the file; each begins with a line [[room]]")
	}
	return p.rooms, nil
}

// checkTOML returns an error if content is not TOML. Its text has no values: they may be
// keys.
func checkTOML(name string, content []byte) error {
	var table map[string]any
	err := toml.Unmarshal(content, &table)
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := wrong.Position()
		words := strings.TrimPrefix(strings.TrimPrefix(wrong.Error(), "toml: "), "key ") // or it says "key key is …"
		return Place{name, line}.errorf("column %d: %s", column, words)
	}
	if err != nil {
		return Place{Source: name}.errorf("%w", err)
	}
	return nil
}

// A parser reads the expressions of a file one after the other.
type parser struct {
	name    string
	content []byte
	rules   Rules
	toml    unstable.Parser
	rooms   []Room
	set     settings // of the last room

	// The line of the byte at an offset that only grows.
	offset int
	line   int
}

// place returns the place of the byte at an offset, which must not be before that of
// the last call.
func (p *parser) place(offset uint32) Place {
	p.line += bytes.Count(p.content[p.offset:offset], []byte("\n"))
	p.offset = int(offset)
	return Place{p.name, p.line}
}

// expression reads a line that begins a room, or one that sets something of it.
func (p *parser) expression(node *unstable.Node) error {
	var words []string
	keys := node.Key()
	at := p.place(keys.Node().Raw.Offset)
	for keys.Next() {
		words = append(words, string(keys.Node().Data))
	}
	name := strings.Join(words, ".")
	switch {
	case node.Kind == unstable.ArrayTable && name == "room" && len(words) == 1:
		if err := p.endRoom(); err != nil {
			return err
		}
		room := p.rules.Default
		room.At = at
		p.rooms, p.set = append(p.rooms, room), 0
		return nil
	case node.Kind != unstable.KeyValue:
		return at.errorf("there is no table %q in a file of rooms; each room begins with a line [[room]]", name)
	case len(p.rooms) == 0:
		return at.errorf("%q stands before the first room; each room begins with a line [[room]]", name)
	}
	return p.setting(&p.rooms[len(p.rooms)-1], at, name, node.Value())
}

// endRoom checks that the last room has what it needs.
func (p *parser) endRoom() error {
	if len(p.rooms) == 0 {
		return nil
	}
	room := &p.rooms[len(p.rooms)-1]
	switch {
	case p.set&setName == 0:
		return room.At.errorf(`the room has no name; it needs a line such as name = "class 3a"`)
	case p.set&setKey == 0:
		return room.At.errorf("room %q has no key; it needs a line key = \"…\", with a key of its own", room.Name)
	}
	return nil
}

// number returns the text of an integer as a flag would have it.
func number(node *unstable.Node) (text string, ok bool) {
	if node.Kind != unstable.Integer {
		return "", false
	}
	text = strings.ReplaceAll(string(node.Data), "_", "")
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return text, true
	}
	return strconv.FormatInt(n, 10), true
}
