package command

import (
	"strconv"
	"strings"

	"sop-chat/internal/rooms"
)

// benchRooms are the rooms over which the clients of bench are spread: some number, or
// those of a file; neither is one room.
type benchRooms struct {
	number int
	file   string
}

// keyNumber is what stands in a key for the number of the room.
const keyNumber = "%d"

// roomsOfBench reads a number of rooms, or the name of a file.
func roomsOfBench(text string) (benchRooms, error) {
	if strings.Trim(text, "0123456789") != "" {
		return benchRooms{file: text}, nil
	}
	if text == "" {
		return benchRooms{}, nil
	}
	n, err := wholeNumber(1, 1_000_000)(text)
	return benchRooms{number: n}, err
}

// keys returns the keys of the rooms, none if there is one room, which has the given
// key.
func (b benchRooms) keys(given string, keyless bool) ([]string, error) {
	switch {
	case b.file != "" && !keyless:
		return nil, usagef("the keys of the rooms are in %s; leave --key-file and %s out", b.file, keyVariable)
	case b.file != "":
		return b.read()
	case keyless:
		return nil, errNoKey
	case b.number == 0:
		return nil, nil
	case !strings.Contains(given, keyNumber):
		return nil, usagef("with --rooms %d the key needs a %s, which stands for the number of the room", b.number, keyNumber)
	}
	keys := make([]string, b.number)
	for i := range keys {
		keys[i] = strings.ReplaceAll(given, keyNumber, strconv.Itoa(i+1))
		if err := checkKey(keys[i], true); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// read returns the keys of the file's rooms.
func (b benchRooms) read() ([]string, error) {
	all, err := rooms.Read(b.file, rooms.Rules{
		MaxClients: wholeNumber(0, 1_000_000),
		Replay:     wholeNumber(0, 1_000_000),
		Retain:     retention,
	})
	if err != nil {
		return nil, err
	}
	if err := rooms.Check(all, true); err != nil {
		return nil, err
	}
	keys := make([]string, len(all))
	for i, room := range all {
		keys[i] = room.Key
	}
	return keys, nil
}
