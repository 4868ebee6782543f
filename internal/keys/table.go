package keys

import (
	"errors"
	"slices"
	"strings"

	"sop-chat/internal/tomlfile"
	"sop-chat/internal/wire"
)

// SettingNames returns the names of what a table of a key has.
func SettingNames() []string { return []string{"label", "room", "hash"} }

// FromTables returns the keys of tables of TOML, and all that is wrong with them. Each table
// has what a line of a file has; the room is the only one if it is left out. The labels
// have to differ from those of the lines of a file, too. If rooms is not nil, others are
// errors.
func FromTables(tables []tomlfile.Table, rooms []string, others []Line) (lines []Line, wrong []error) {
	labels := make(map[string]string) // in lower case, and where they are
	for _, line := range others {
		labels[strings.ToLower(line.Label)] = "in the file of keys"
	}
	for _, table := range tables {
		line, err := fromTable(table)
		label := strings.ToLower(line.Label)
		switch first, twice := labels[label]; {
		case err != nil:
		case rooms != nil && !slices.Contains(rooms, line.Room):
			err = table.At.Errorf("there is no room %q; there is %s", line.Room, quoted(rooms))
		case twice:
			err = table.At.Errorf("the label %q is that of a key %s, too; each needs one of its own, in which capitals make no difference", line.Label, first)
		}
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		labels[label] = "at " + table.At.String()
		lines = append(lines, line)
	}
	return lines, wrong
}

// fromTable returns the key of a table.
func fromTable(table tomlfile.Table) (Line, error) {
	line := Line{Room: OnlyRoom}
	checks := map[string]struct {
		value *string
		check func(string) error
	}{
		"label": {&line.Label, CheckLabel},
		"room":  {&line.Room, wire.CheckRoomName},
		"hash":  {&line.Hash, CheckHash},
	}
	for _, s := range table.Settings {
		setting, known := checks[s.Name]
		if !known {
			return line, s.At.Errorf("there is no setting %q; a key has label, room and hash", s.Name)
		}
		err := errors.New("the value must be a text in quotes")
		if s.Value.Kind == tomlfile.Text {
			*setting.value = s.Value.Text
			err = setting.check(s.Value.Text)
		}
		if err != nil {
			return line, s.At.Errorf("%s: %w", s.Name, err)
		}
	}
	switch {
	case line.Label == "":
		return line, table.At.Errorf("the key has no label, which says whose it is: label = \"alice\"")
	case line.Hash == "":
		return line, table.At.Errorf("the key of %q has no hash; 'sop-chat key hash' makes one", line.Label)
	}
	return line, nil
}
