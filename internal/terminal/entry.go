package terminal

import (
	"strings"
	"time"
)

// A kind says where an entry comes from. It is the mark in front of the entry; a
// message can't imitate another one.
type kind string

const (
	others    kind = " "
	own       kind = "›"
	unsent    kind = "…"
	mentioned kind = "@" // another client's, with the user's name in it
	doubtful  kind = "!" // another client's, under the user's name or one that it did not join with
	notice    kind = "-" // this program's
)

// An entry is a message or a notice on the screen.
type entry struct {
	kind    kind
	at      time.Time
	speaker string // as it was sent, or joined with; empty for a notice
	name    safeText
	claimed safeText // the name it writes under, if that is not the one it joined with
	colour  uint8    // the name's, given by the model
	action  bool     // "/me": the text is what the name does
	text    safeText
}

// maxLines is how many lines another client's message may have. In a longer one
// line breaks are shown as \n: it is more likely meant to fill the screen than to
// be read.
const maxLines = 40

// newMessage returns an entry for any name and text.
func newMessage(k kind, at time.Time, name, text string) entry {
	name = strings.TrimSpace(name)
	e := entry{kind: k, at: at, speaker: name, name: safeName(name)}
	// XEP-0245 defines /me; clients that don't know it show it as it is.
	if doing, ok := strings.CutPrefix(text, "/me "); ok {
		e.action, text = true, doing
	}
	if k != own && k != unsent && strings.Count(text, "\n") >= maxLines {
		e.text = safeLine(text)
	} else {
		e.text = safe(text)
	}
	return e
}

// newClaim returns an entry for a message of a client that joined with another name
// than it writes under.
func newClaim(at time.Time, from, name, text string) entry {
	e := newMessage(doubtful, at, from, text)
	e.name, e.claimed = safeQuoted(from), safeQuoted(strings.TrimSpace(name))
	return e
}

func newNotice(at time.Time, text string) entry {
	return entry{kind: notice, at: at, text: safe(text)}
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
