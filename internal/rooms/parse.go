package rooms

import "sop-chat/internal/tomlfile"

// Parse returns the rooms of a file's content, in its order. Each is a table [[room]]
// of TOML; name and key are needed. An error begins with the name of the file and the
// line, and never has a value of a key.
func Parse(name string, content []byte, rules Rules) ([]Room, error) {
	tables, err := tomlfile.Parse(name, content)
	if err != nil {
		return nil, err
	}
	if before := tables[0].Settings; len(before) > 0 {
		return nil, before[0].At.Errorf("%q stands before the first room; each room begins with a line [[room]]", before[0].Name)
	}
	var rooms []Room
	for _, table := range tables[1:] {
		if table.Name != "room" || !table.Array {
			return nil, table.At.Errorf("there is no table %q in a file of rooms; each room begins with a line [[room]]", table.Name)
		}
		room, wrong := FromTable(table, rules)
		if len(wrong) > 0 {
			return nil, wrong[0]
		}
		rooms = append(rooms, room)
	}
	if len(rooms) == 0 {
		return nil, Place{Source: name}.Errorf("there is no room in the file; each begins with a line [[room]]")
	}
	return rooms, nil
}

// FromTable returns the room of a table, and all that is wrong with it.
func FromTable(table tomlfile.Table, rules Rules) (room Room, wrong []error) {
	room = rules.Default
	room.At = table.At
	var named, keyed bool
	for _, s := range table.Settings {
		named, keyed = named || s.Name == "name", keyed || s.Name == "key"
		if err := room.set(s.Name, s.Value, rules); err != nil {
			wrong = append(wrong, s.At.Errorf("%w", err))
		}
	}
	switch {
	case !named:
		wrong = append(wrong, room.At.Errorf(`the room has no name; it needs a line such as name = "class 3a"`))
	case !keyed:
		wrong = append(wrong, room.At.Errorf("room %q has no key; it needs a line key = \"…\", with a key of its own", room.Name))
	}
	return room, wrong
}
