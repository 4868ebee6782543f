package console

import (
	"encoding/json"
	"testing"
	"time"
)

// A client's lines are those of the console, except for tabs and most backslashes.
func TestAppendLine(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"alice", "hello", "alice: hello\n"},
		{"", "", "\"\": \n"},
		{"alice", "two\nlines\x1b[2J", `alice: two\nlines\x1b[2J` + "\n"},
		{"* alice", "joined", `\x2a alice: joined` + "\n"},
		{"!", "hi", `\x21: hi` + "\n"},
		{"alice: no", "hi", `alice\x3a no: hi` + "\n"},
		{"\u202eecila", "\xff", `\u{202e}ecila: \xff` + "\n"},
		{`a\b`, `C:\Users\bob` + "\t" + `^\d+\s*$`, `a\\b: C:\Users\bob` + "\t" + `^\d+\s*$` + "\n"},
		{"alice", `C:\new \x1b \x1 \u{1} \u1 \\host\`, `alice: C:\\new \\x1b \x1 \\u{1} \u1 \\\host\` + "\n"},
		{"alice", "\\\n\\\x1b", `alice: \\\n\\\x1b` + "\n"},
	} {
		if got := string(AppendLine(nil, []byte(test.name), []byte(test.text))); got != test.want {
			t.Errorf("%q: %q is shown as\n%swant\n%s", test.name, test.text, got, test.want)
		}
	}
}

func TestJSONWriter(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 4, 5, 678_000_000, time.UTC)
	got := string(NewJSONWriter().AppendMessage(nil, at, []byte("alice"), []byte("a\"\x1b\xff")))
	want := `{"time":"2026-03-01T12:04:05.678000000Z","event":"message","name":"alice",` +
		`"text":"a\"\u001b\ufffd","text_base64":"YSIb/w=="}` + "\n"
	if got != want || !json.Valid([]byte(got)) {
		t.Errorf("got  %swant %s", got, want)
	}
}
