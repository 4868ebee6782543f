package terminal

import (
	"bytes"
	"strings"
	"time"

	"sop-chat/internal/console"
)

// A kind says whose an entry is. It is the mark in front of it, which no
// message can have another one of.
type kind string

const (
	others    kind = " "
	own       kind = "›"
	unsent    kind = "…"
	mentioned kind = "@" // somebody else's, with the user's name in it
	borrowed  kind = "!" // under the user's name, but not from here
	notice    kind = "-" // ours
)

// An entry is what has its place on the screen: a message or a notice. Its
// texts are safe to show; line breaks are the only controls in them.
type entry struct {
	kind   kind
	at     time.Time
	name   string // empty for a notice
	shade  uint8  // the name's colour
	action bool   // "/me": the text is what the name does
	text   string
}

// mostLines is how many lines a message of somebody else is shown in. In one
// that has more, line breaks are shown as \n: it is more likely meant to fill
// the screen than to be read.
const mostLines = 40

// newMessage returns an entry for any name and text.
func newMessage(k kind, at time.Time, name, text string) entry {
	name = strings.TrimSpace(name)
	e := entry{kind: k, at: at, shade: console.Colour(name)}
	e.name = string(console.AppendName(nil, []byte(name)))
	// What /me means is said by XEP-0245; other clients show it as it is.
	if doing, ok := strings.CutPrefix(text, "/me "); ok {
		e.action, text = true, doing
	}
	if k != own && k != unsent && strings.Count(text, "\n") >= mostLines {
		e.text = string(console.Escape(nil, []byte(text)))
	} else {
		e.text = safe(text)
	}
	return e
}

func newNotice(at time.Time, text string) entry {
	return entry{kind: notice, at: at, text: safe(text)}
}

// safe escapes a text as the server's console does, except for line breaks.
func safe(text string) string {
	var dst []byte
	for line := range strings.Lines(text) {
		content, broken := strings.CutSuffix(line, "\n")
		if broken {
			content = strings.TrimSuffix(content, "\r")
		}
		dst = console.Escape(dst, []byte(content))
		if broken {
			dst = append(dst, '\n')
		}
	}
	return string(bytes.TrimSuffix(dst, []byte("\n")))
}

// mentions reports whether a text has a name in it, as a word of its own, in
// whatever case.
func mentions(text, name string) bool {
	text, name = strings.ToLower(text), strings.ToLower(name)
	if name == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], name)
		if i < 0 {
			return false
		}
		begin, end := at+i, at+i+len(name)
		if !endsInWord(text[:begin]) && !beginsWithWord(text[end:]) {
			return true
		}
		at = end
	}
}
