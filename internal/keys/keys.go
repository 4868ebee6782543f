// Package keys is the keys of persons and devices: their file, in which each has a line
// with a hash of its key, and how a key is checked against it.
//
// A check takes tens of milliseconds and megabytes, so that a stolen file tells no key.
// A Checker makes a few at a time, on goroutines of its own, and takes turns among
// those that ask.
//
// The package knows no server and no signals, and opens nothing but the file.
package keys

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// A Line is what a file has of one person or device. Two lines are the same if they are
// equal: one that gets another hash or another room is another.
type Line struct {
	Label string // by which operators know whose key it is
	Room  string // the name of the room that the key opens
	Hash  string // of the secret, see Hash
}

func (l Line) String() string { return l.Label + " " + l.Room + " " + l.Hash }

// Join returns the key with a label and a secret, as a client gives it.
func Join(label, secret string) string { return label + ":" + secret }

// Split returns the label and the secret of a key. It reports false for what can't be
// the key of any line.
func Split(key string) (label, secret string, ok bool) {
	label, secret, found := strings.Cut(key, ":")
	return label, secret, found && CheckLabel(label) == nil
}

// maxLabel is how long a label may be: a name for people, which leaves a key more than
// 400 bytes for its secret.
const maxLabel = 32

// CheckLabel returns an error if a text can't be a label. A label looks the same
// wherever it is shown, and every client can send it. The error does not repeat the text,
// which may be a key.
func CheckLabel(label string) error {
	rest := strings.TrimLeft(label, labelFirst+labelMore)
	switch {
	case label == "":
		return errors.New("the label is empty")
	case rest != "":
		wrong, _ := utf8.DecodeRuneInString(rest)
		return fmt.Errorf("the label has the character %q; it may have letters from a to z, digits and %s", wrong, labelMore)
	case !strings.Contains(labelFirst, label[:1]):
		return fmt.Errorf("the label begins with %q, and must begin with a letter or a digit", label[0])
	case len(label) > maxLabel:
		return fmt.Errorf("the label is %d characters long; at most %d fit", len(label), maxLabel)
	}
	return nil
}

// The characters of labels: those that may be the first, and the others.
const (
	labelFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	labelMore  = "-_.@+"
)

// CheckSecret returns an error if a secret can't be that of a label's key.
func CheckSecret(label, secret string) error {
	if secret == "" {
		return errors.New("the secret is empty")
	}
	return wire.CheckKey(Join(label, secret))
}

// readable has no characters that are easily confused, such as 0 and o, or 1 and l.
var readable = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// NewSecret returns a random secret of 140 bits, in groups that can be read out.
func NewSecret() string {
	const groups, each = 7, 4
	var random [groups * each * 5 / 8]byte
	rand.Read(random[:]) // never fails
	text := readable.EncodeToString(random[:])
	var secret []string
	for ; len(secret) < groups; text = text[each:] {
		secret = append(secret, text[:each])
	}
	return strings.Join(secret, "-")
}
