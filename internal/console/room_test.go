package console

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
)

// With a room's name, each line tells the room.
func TestLinesTellRoom(t *testing.T) {
	joined := &broadcast.Notice{Kind: broadcast.Joined, From: sender("alice"), Time: noon}
	text, terminal, object := newTextFormat(false, false), newTextFormat(true, true), newJSONFormat()
	for _, test := range []struct{ got, want string }{
		{string(text.message(nil, text.tag("maths"), entry("alice", "alice", "hi"))), "[maths] alice: hi\n"},
		{string(text.message(nil, text.tag("maths"), entry("alice", "bob", "hi"))), "[maths] ! \"alice\" writes as \"bob\": hi\n"},
		{string(text.notice(nil, text.tag("class 7"), joined)), "[class 7] * \"alice\" joined\n"},
		{string(text.gap(nil, text.tag("maths"), gap{counts{2, 0}, tooSlow}, noon)), "[maths] * 2 messages were left out here: the console could not keep up\n"},
		{
			string(terminal.message(nil, terminal.tag("maths"), entry("alice", "alice", "hi"))),
			"12:04:05 " + colourOf("maths") + "[maths]" + noColour + " " + colourOf("alice") + "alice" + noColour + ": hi\n",
		},
		{
			string(terminal.notice(nil, terminal.tag("maths"), joined)),
			"12:04:05 " + colourOf("maths") + "[maths]" + noColour + " " + dim + "* \"alice\" joined" + noDim + "\n",
		},
		{string(object.gap(nil, object.tag("maths"), gap{counts{2, 0}, tooSlow}, noon)), `{"time":"` + noon.UTC().Format("2006-01-02T15:04:05.000000000Z07:00") +
			`","event":"skipped","room":"maths","reason":"the console could not keep up","count":2,"count_events":0}` + "\n"},
	} {
		if test.got != test.want {
			t.Errorf("printed\n%swant\n%s", test.got, test.want)
		}
	}
}

// Whatever a room's name is, it can't act on a terminal, and one can read from a line
// which room it is of.
func TestHostileRoomNames(t *testing.T) {
	text, object := newTextFormat(false, false), newJSONFormat()
	rapid.Check(t, func(t *rapid.T) {
		alphabet := []rune("ab] []\\\"*!:=\x1b\n\u202e\u200bżа日")
		room := string(rapid.SliceOf(rapid.SampledFrom(alphabet)).Draw(t, "room"))
		rest := strings.TrimSuffix(string(text.message(nil, "", entry("a", "a", "b] c"))), "\n")
		line := strings.TrimSuffix(string(text.message(nil, text.tag(room), entry("a", "a", "b] c"))), "\n")
		tag, after, found := strings.Cut(line, "] ")
		name, isTag := strings.CutPrefix(tag, "[")
		if got, err := unescape(name); !found || !isTag || err != nil || got != room || after != rest {
			t.Fatalf("room %q is shown as %q, which says %q", room, line, got)
		}
		if strings.ContainsFunc(name, isDeceptive) {
			t.Fatalf("room %q is shown as %q", room, name)
		}
		var o struct{ Room string }
		line = string(object.message(nil, object.tag(room), entry("a", "a", "b")))
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.Room != room {
			t.Fatalf("room %q is shown as %s: %v", room, line, err)
		}
	})
}
