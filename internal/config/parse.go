package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sop-chat/internal/tomlfile"
)

// Parse returns what a file's content sets. What is wrong with it is an Errors. No error
// has the value of a secret.
func Parse(name string, content []byte, layout Layout) (*File, error) {
	tables, err := tomlfile.Parse(name, content)
	if twice := layout.checkNames(tables); twice != nil {
		return nil, Errors{twice}
	}
	if err != nil {
		return nil, Errors{err}
	}
	file := &File{Name: name, Values: make(map[string]Value), Tables: tables[1:]}
	var wrong Errors
	for _, s := range tables[0].Settings {
		text, err := layout.read(s)
		if err != nil {
			wrong = append(wrong, s.At.Errorf("%w", err))
			continue
		}
		file.Values[s.Name] = Value{text, InFile, s.At.String()}
	}
	for i := range file.Tables {
		wrong = append(wrong, layout.checkTable(&file.Tables[i])...)
	}
	if layout.Check != nil {
		file.Tables = slices.DeleteFunc(file.Tables, func(t tomlfile.Table) bool { return layout.table(t.Name) == nil || !t.Array })
		wrong = append(wrong, layout.Check(file.Tables)...)
	}
	if len(wrong) > 0 {
		return nil, wrong.InOrder()
	}
	return file, nil
}

// checkNames returns an error if a name is that of a setting and of tables. TOML has no
// such file, and its own words for that help nobody.
func (l *Layout) checkNames(tables []tomlfile.Table) error {
	for _, s := range tables[0].Settings {
		for _, table := range tables[1:] {
			if known := l.table(s.Name); table.Name == s.Name && table.Array && known != nil && l.option(s.Name) != nil {
				return table.At.Errorf("a file can't have both [[%[1]s]] and the setting %[1]q, at %[2]s; %[3]s", s.Name, s.At, known.Instead)
			}
		}
	}
	return nil
}

// read returns the text of a setting at the top.
func (l *Layout) read(s tomlfile.Setting) (string, error) {
	option := l.option(s.Name)
	switch {
	case option != nil:
		text, err := option.text(s.Value)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.Name, err)
		}
		return text, nil
	case l.table(s.Name) != nil:
		return "", fmt.Errorf("%[1]q is no setting; each %[1]s is a table that begins with a line [[%[1]s]]", s.Name)
	case slices.Contains(l.Flags, s.Name):
		return "", fmt.Errorf("%q can't be set in a file, only on the command line or by its variable", s.Name)
	}
	var names []string
	for i := range l.Options {
		names = append(names, l.Options[i].Name)
	}
	return "", unknown(s.Name, names, "; there is one for each flag of 'sop-chat --help', with its name")
}

// checkTable returns what is wrong with the names in a table, and removes these settings.
func (l *Layout) checkTable(t *tomlfile.Table) (wrong []error) {
	known := l.table(t.Name)
	switch {
	case known == nil:
		return []error{t.At.Errorf("there is no table %q; settings stand at the top of the file, and below them %s", t.Name, l.tableNames())}
	case !t.Array:
		return []error{t.At.Errorf("[%[1]s] needs two brackets at each side: [[%[1]s]]", t.Name)}
	}
	t.Settings = slices.DeleteFunc(t.Settings, func(s tomlfile.Setting) bool {
		if slices.Contains(known.Settings, s.Name) {
			return false
		}
		err := unknown(s.Name, known.Settings, "; a "+t.Name+" has "+strings.Join(known.Settings, ", "))
		if l.option(s.Name) != nil {
			err = fmt.Errorf("%q is a setting of the server, and stands above the first table", s.Name)
		}
		wrong = append(wrong, s.At.Errorf("%w", err))
		return true
	})
	return wrong
}

func (l *Layout) tableNames() string {
	var names []string
	for _, t := range l.Tables {
		names = append(names, "[["+t.Name+"]]")
	}
	return strings.Join(names, " and ")
}

// unknown says that there is no such setting, and what may be meant.
func unknown(name string, names []string, otherwise string) error {
	asFlag := strings.TrimPrefix(strings.TrimLeft(name, "-"), "SOP_CHAT_")
	if similar := tomlfile.Similar(asFlag, names); similar != "" {
		return fmt.Errorf("there is no setting %q; is %q meant?", name, similar)
	}
	return fmt.Errorf("there is no setting %q%s", name, otherwise)
}

// text returns what a flag would be set to.
func (o *Option) text(v tomlfile.Value) (string, error) {
	text := v.Text
	if v.Kind == tomlfile.List && o.Kind == tomlfile.List {
		var items []string
		for _, item := range v.Items {
			if item.Kind != tomlfile.Text {
				return "", errors.New("what is in the list must be texts in quotes")
			}
			items = append(items, item.Text)
		}
		text = strings.Join(items, o.Separator)
	} else if v.Kind == tomlfile.List || v.Kind == tomlfile.Other {
		return "", fmt.Errorf("%s must be %s", o.shown(v), written[o.Kind])
	}
	wrong := o.Check(text)
	switch {
	case o.fits(v):
		return text, wrong
	case wrong != nil && !o.Secret:
		return "", fmt.Errorf("%w; it must be %s", wrong, written[o.Kind])
	}
	return "", fmt.Errorf("%s must be %s", o.shown(v), written[o.Kind])
}

// shown returns a value as an error has it.
func (o *Option) shown(v tomlfile.Value) string {
	switch {
	case o.Secret || v.Text == "" && v.Kind != tomlfile.Text:
		return "the value"
	case v.Kind == tomlfile.Text:
		return strconv.Quote(v.Text)
	}
	return v.Text
}

// written says how the values of each kind are written.
var written = map[tomlfile.Kind]string{
	tomlfile.Text:   "a text in quotes",
	tomlfile.Number: "a whole number, without quotes",
	tomlfile.Truth:  "true or false, without quotes",
	tomlfile.List:   `a list such as ["one", "another"]`,
}

// fits reports whether a value is written as it must be.
func (o *Option) fits(v tomlfile.Value) bool {
	_, notDigits := strconv.Atoi(v.Text)
	switch {
	case v.Kind != tomlfile.Text:
		return v.Kind == o.Kind
	case o.Kind == tomlfile.Number:
		return notDigits != nil // such as auto or 32MiB
	}
	return o.Kind == tomlfile.Text || o.Kind == tomlfile.List
}
