package command

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"sop-chat/internal/english"
	"sop-chat/internal/readfile"
	"sop-chat/internal/wire"
)

// talkOptions say what the server itself says.
type talkOptions struct {
	announce bool
	motdFile string
	motd     []string // texts of messages
}

func (o *talkOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &o.announce, "announce", "", "false", truth,
		`Has the server write in the room who joins and who leaves, at most once a second.`)
	define(flags, &o.motdFile, "motd", "FILE", "", anyText,
		`Sends everyone who joins the text of a file first, as messages from the server. SIGHUP has it read again.`)
}

// shownName parses a name that people can read.
func shownName(text string) (string, error) {
	isHidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if text == "" || len(text) > wire.NameSize || !utf8.ValidString(text) || strings.TrimSpace(text) != text || strings.ContainsFunc(text, isHidden) {
		return "", fmt.Errorf("%q is not a name that can be printed, of 1 to %s, without a blank at either end", text, english.Count(wire.NameSize, "byte"))
	}
	return text, nil
}

// check reads the message of the day, if there is one.
func (o *talkOptions) check(stage int) (err error) {
	if (o.announce || o.motdFile != "") && stage <= 2 {
		return usagef("--announce and --motd have the server write from stage 3 on, not in stage %d", stage)
	}
	o.motd, err = o.readMotd()
	return err
}

// mostMotd is how many messages the message of the day may have.
const mostMotd = 8

// readMotd returns the texts of the file, as it is now; none without a file.
func (o *talkOptions) readMotd() ([]string, error) {
	if o.motdFile == "" {
		return nil, nil
	}
	const most = mostMotd * longestText
	content, _, err := readfile.Read(o.motdFile, 2*most)
	if _, is := errors.AsType[*readfile.LongError](err); is {
		return nil, fmt.Errorf("%s: %w", o.motdFile, errLongMotd)
	}
	if err != nil {
		return nil, fmt.Errorf("the message of the day can't be read: %w", err)
	}
	texts, err := parseMotd(string(content))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.motdFile, err)
	}
	return texts, nil
}

// parseMotd returns the texts of messages that together are a text.
func parseMotd(text string) ([]string, error) {
	text = strings.TrimRight(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	switch {
	case strings.ContainsRune(text, 0):
		return nil, errors.New("the message of the day has a zero byte, which ends a text")
	case !utf8.ValidString(text):
		return nil, errors.New("the message of the day is not valid UTF-8")
	}
	texts := cutText(text)
	if len(texts) > mostMotd {
		return nil, errLongMotd
	}
	return texts, nil
}

var errLongMotd = fmt.Errorf("the message of the day is longer than %s of %s each", english.Count(mostMotd, "message"), english.Count(longestText, "byte"))
