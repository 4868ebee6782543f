package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxRoomName is how many bytes the name of a room may have: as many as that of a user.
const maxRoomName = NameSize

// CheckRoomName returns an error if name can't be the name of a room. The name is not
// part of the protocol, but is shown in lines of text, stored, and written as NAME=KEY:
// it is 1 to 64 bytes of printable UTF-8, without '=' and without a blank at either end.
func CheckRoomName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the name of the room is empty")
	case len(name) > maxRoomName:
		return fmt.Errorf("the name of the room, %.20q…, is %d bytes long; at most %d are allowed", name, len(name), maxRoomName)
	case !utf8.ValidString(name):
		return fmt.Errorf("the name of the room, %q, is not valid UTF-8", name)
	case strings.ContainsRune(name, '='):
		return fmt.Errorf("the name of the room, %q, has a '=', which ends a name in NAME=KEY", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("the name of the room, %q, has a blank at an end", name)
	}
	for i, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("the name of the room, %q, has the character %U at position %d, which can't be printed", name, r, i)
		}
	}
	return nil
}
