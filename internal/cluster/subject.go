package cluster

import (
	"encoding/base32"
	"fmt"
	"strings"
)

// A subject is PREFIX.ROOM.SERVER. Names that are letters, digits, '-' and '_' are tokens as
// they are, so that an operator can read them; of others, and of the empty one, a token is '='
// and base32 of the name, in capitals.

// tokens has the digits of a name that is no token by itself.
var tokens = base32.StdEncoding.WithPadding(base32.NoPadding)

// serversToken stands in the place of a room's token in the subjects on which servers say that
// a name is theirs. No room has it, since it has small letters behind a '='.
const serversToken = "=servers"

// numbersToken stands in the place of a server's token in the subjects on which servers say that the
// numbers of a room go on from another one.
const numbersToken = "=numbers"

// token returns the token of a name, which may be any bytes.
func token(name string) string {
	if isSimple(name) {
		return name
	}
	return "=" + tokens.EncodeToString([]byte(name))
}

// nameOf returns the name of which token returned that, or an error.
func nameOf(tok string) (string, error) {
	if isSimple(tok) {
		return tok, nil
	}
	if digits, ok := strings.CutPrefix(tok, "="); ok {
		if name, err := tokens.DecodeString(digits); err == nil && token(string(name)) == tok {
			return string(name), nil
		}
	}
	return "", fmt.Errorf("%q is no token of a name", tok)
}

func isSimple(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

// Subjects returns the subjects that the stream of a cluster has, with wildcards.
func Subjects(prefix string) string { return prefix + ".*.*" }

// split returns the tokens of room and server of a subject with a prefix.
func split(prefix, subject string) (room, server string, ok bool) {
	rest, ok := strings.CutPrefix(subject, prefix+".")
	if !ok {
		return "", "", false
	}
	room, server, ok = strings.Cut(rest, ".")
	return room, server, ok && room != "" && server != "" && !strings.Contains(server, ".")
}
