package keys

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sop-chat/internal/wire"
)

// Errors are all that is wrong with a file, each with its place.
type Errors []error

// Error returns the first, and says how many more there are.
func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%v (and %d more; 'sop-chat key check' shows all)", e[0], len(e)-1)
}

// mostErrors is how many errors of a file are kept: a file of something else may have as
// many as lines.
const mostErrors = 100

// Parse returns the lines of a file's content. Each is a label, the name of a room and a
// hash, separated by blanks; the name may have blanks, too. Empty lines, and those that
// begin with '#', are left out. Errors name the file and the line, and have nothing of a
// hash.
func Parse(name string, content []byte) ([]Line, error) { return parse(name, content, nil) }

// ParseFor is Parse for a server with some rooms: others are errors.
func ParseFor(name string, content []byte, rooms []string) ([]Line, error) {
	return parse(name, content, func(room string) error {
		if slices.Contains(rooms, room) {
			return nil
		}
		return fmt.Errorf("there is no room %q; there is %s", room, quoted(rooms))
	})
}

func parse(name string, content []byte, checkRoom func(string) error) ([]Line, error) {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")) // some editors begin UTF-8 with it
	var (
		lines  []Line
		wrong  Errors
		labels = make(map[string]int) // in lower case, and their lines
		number int
	)
	for text := range bytes.Lines(content) {
		number++
		line, err := parseLine(string(bytes.TrimSpace(text)))
		if err == nil && line == (Line{}) {
			continue
		}
		if err == nil && checkRoom != nil {
			err = checkRoom(line.Room)
		}
		if first := labels[strings.ToLower(line.Label)]; err == nil && first > 0 {
			err = fmt.Errorf("the label %q is that of line %d, too; each needs one of its own, in which capitals make no difference", line.Label, first)
		}
		if err == nil {
			labels[strings.ToLower(line.Label)] = number
			lines = append(lines, line)
		} else if len(wrong) < mostErrors {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", name, number, err))
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return lines, nil
}

// parseLine returns what is in a line, without blanks around it: nothing of one that is
// left out.
func parseLine(text string) (Line, error) {
	if text == "" || text[0] == '#' {
		return Line{}, nil
	}
	const blanks = " \t"
	var line Line
	first, last := strings.IndexAny(text, blanks), strings.LastIndexAny(text, blanks)
	if first < 0 {
		return line, errors.New("a line has a label, a room and a hash, with blanks between them, and this one has no blanks")
	}
	line.Label, line.Room, line.Hash = text[:first], strings.Trim(text[first:last+1], blanks), text[last+1:]
	if err := CheckLabel(line.Label); err != nil {
		return line, err
	}
	if line.Room == "" && strings.HasPrefix(line.Hash, "$") {
		return line, fmt.Errorf("there is no room between the label and the hash; the only room is called %q", OnlyRoom)
	}
	if line.Room == "" {
		return line, errors.New("there is no hash behind the label and the room; 'sop-chat key hash' makes one")
	}
	if err := wire.CheckRoomName(line.Room); err != nil {
		return line, err
	}
	return line, CheckHash(line.Hash)
}

// OnlyRoom is the name in a file of a room that has none: of the only one.
const OnlyRoom = "main"

// quoted returns some words between quotes.
func quoted(words []string) string {
	const most = 10
	var all []string
	for _, word := range words[:min(len(words), most)] {
		all = append(all, fmt.Sprintf("%q", word))
	}
	if more := len(words) - len(all); more > 0 {
		all = append(all, fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, ", ")
}
