package console

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

var (
	noon = time.Date(2026, time.March, 1, 12, 4, 5, 678_000_000, time.Local)
	home = netip.MustParseAddrPort("127.0.0.1:4242")
)

func sender(name string) *broadcast.Sender {
	return &broadcast.Sender{ID: 1, Name: name, Addr: home}
}

// entry is a message that a client authenticated as own sent under a name.
func entry(own, name, text string) *broadcast.Entry {
	e := &broadcast.Entry{From: sender(own), Time: noon}
	copy(e.Message[:wire.NameSize], name)
	copy(e.Message[wire.NameSize:], text)
	return e
}

// A message is its name, blanks trimmed, and its text.
func TestTextMessage(t *testing.T) {
	for _, test := range []struct{ own, name, text, want string }{
		{"alice", "alice", "hello", "alice: hello"},
		{"alice", " alice\t", " hello ", "alice:  hello "},
		{"alice", "alice", "", "alice: "},
		{"żółw", "żółw", "łódź", "żółw: łódź"},
		{"alice", "alice", "two\nlines", `alice: two\nlines`},
		{"alice", "alice", `! "x": y`, `alice: ! "x": y`},
		{`"a"`, `"a"`, "quotes", `"a": quotes`},
		{"a:b", "a:b", "c", "a:b: c"},
		{"*a", "*a", "b", "*a: b"},
		{"a! * b", "a! * b", "c", "a! * b: c"},
		{"", "", "nobody", `"": nobody`},
		{"", "   ", "blank", `"": blank`},
		{`""`, `""`, "quotes", `\x22": quotes`},
		{"", "\u3000\u00a0", "blanks", `"": blanks`},
		{"\u3164", "\u3164", "a filler", `\u{3164}: a filler`},
	} {
		got := string(newTextFormat(false, false).message(nil, "", entry(test.own, test.name, test.text)))
		if got != test.want+"\n" {
			t.Errorf("%q as %q: %q is shown as\n%swant\n%s", test.own, test.name, test.text, got, test.want)
		}
	}
}

// No message can pass for a notice, for somebody else's or for two.
func TestTextForgeries(t *testing.T) {
	for _, test := range []struct{ what, own, name, text, want string }{
		{"another's name", "bob", "alice", "hi", `! "bob" writes as "alice": hi`},
		{"another case", "bob", "Bob", "hi", `! "bob" writes as "Bob": hi`},
		{"no name", "bob", " ", "hi", `! "bob" writes as "": hi`},
		{"never had a name", "", "alice", "hi", `! "" writes as "alice": hi`},
		{"quotes", `b"`, `a": x`, "hi", `! "b\"" writes as "a\": x": hi`},
		{"hostile names", "b\x1b", "a\n", "hi", `! "b\x1b" writes as "a": hi`},
		{"as a notice", `* "bob" left`, `* "bob" left`, "hi", `\x2a "bob" left: hi`},
		{"as our mark", `! "bob" writes as "eve"`, `! "bob" writes as "eve"`, "hi", `\x21 "bob" writes as "eve": hi`},
		{"mark alone", "!", "!", "hi", `\x21: hi`},
		{"ends early", "alice: no: ", "alice: no:", "hi", `! "alice: no: " writes as "alice: no:": hi`},
		{"another's words", "alice: no: yes", "alice: no: yes", "hi", `alice\x3a no\x3a yes: hi`},
		{"line break", "alice", "alice", "hi\nbob: ho", `alice: hi\nbob: ho`},
		{"line break in a name", "a\nbob", "a\nbob", "hi", `a\nbob: hi`},
		{"a look-alike", "alice\u034f", "alice\u034f", "hi", `alice\u{34f}: hi`},
		{"a look-alike's claim", "alice\ufe0f", "alice", "hi", `! "alice\u{fe0f}" writes as "alice": hi`},
		{"claims a look-alike", "alice", "аlice", "hi", `! "alice" writes as "\u{430}lice": hi`},
		{"marks on our words", "a", "a", "\u0338hi", `a: \u{338}hi`},
		{"looks escaped", `\x2a a`, `\x2a a`, "hi", `\\x2a a: hi`},
	} {
		t.Run(test.what, func(t *testing.T) {
			got := string(newTextFormat(false, false).message(nil, "", entry(test.own, test.name, test.text)))
			if got != test.want+"\n" {
				t.Errorf("shown as\n%swant\n%s", got, test.want)
			}
		})
	}
}

// Whatever happens besides messages has a line that says so.
func TestTextNotice(t *testing.T) {
	nowhere := &broadcast.Sender{Name: "alice"}
	for _, test := range []struct {
		notice broadcast.Notice
		want   string
	}{
		{
			broadcast.Notice{Kind: broadcast.Accepted, From: sender("alice"), Key: "secret"},
			`* "alice" from 127.0.0.1:4242 gave the key "secret": accepted`,
		},
		{
			broadcast.Notice{Kind: broadcast.Accepted, From: sender("alice"), Label: "alice-phone"},
			`* "alice" from 127.0.0.1:4242 gave the key of "alice-phone": accepted`,
		},
		{
			broadcast.Notice{Kind: broadcast.Refused, From: sender("mallory"), Key: "guess", Reason: "wrong key"},
			`* "mallory" from 127.0.0.1:4242 gave the key "guess": refused, wrong key`,
		},
		{
			broadcast.Notice{Kind: broadcast.Refused, From: sender("a\"\n"), Key: "\x1b[2J\": accepted", Reason: "a\nb"},
			`* "a\"\n" from 127.0.0.1:4242 gave the key "\x1b[2J\": accepted": refused, a\nb`,
		},
		{broadcast.Notice{Kind: broadcast.Refused, From: nowhere}, `* "alice" gave the key "": refused`},
		{broadcast.Notice{Kind: broadcast.Joined, From: sender("alice")}, `* "alice" joined`},
		{
			broadcast.Notice{Kind: broadcast.Left, From: sender("alice"), Reason: "the connection was closed"},
			`* "alice" left: the connection was closed`,
		},
		{broadcast.Notice{Kind: broadcast.Left, From: sender("alice")}, `* "alice" left`},
		{broadcast.Notice{Kind: broadcast.Waiting, Reason: "away\x1b"}, `* what is said waits: away\x1b`},
		{broadcast.Notice{Kind: broadcast.Resumed}, `* what is said is delivered again`},
	} {
		if got := string(newTextFormat(false, false).notice(nil, "", &test.notice)); got != test.want+"\n" {
			t.Errorf("shown as\n%swant\n%s", got, test.want)
		}
	}
}

// Keys can be hidden, the wrong ones too.
func TestHiddenKeys(t *testing.T) {
	text, json := newTextFormat(false, false), newJSONFormat()
	text.hideKeys, json.hideKeys = true, true
	for kind, want := range map[broadcast.NoticeKind]string{
		broadcast.Accepted: `* "alice" from 127.0.0.1:4242 gave a key (hidden): accepted`,
		broadcast.Refused:  `* "alice" from 127.0.0.1:4242 gave a key (hidden): refused`,
	} {
		n := &broadcast.Notice{Kind: kind, From: sender("alice"), Key: "secret", Time: noon}
		if got := string(text.notice(nil, "", n)); got != want+"\n" {
			t.Errorf("shown as\n%swant\n%s", got, want)
		}
		if got := string(json.notice(nil, "", n)); !strings.Contains(got, `,"key":null}`) || strings.Contains(got, "secret") {
			t.Errorf("in JSON: %s", got)
		}
	}
}

// What was left out is counted.
func TestTextGap(t *testing.T) {
	for _, test := range []struct {
		gap  gap
		want string
	}{
		{gap{counts{1234, 0}, tooSlow}, "* 1234 messages were left out here: the console could not keep up"},
		{gap{counts{1, 0}, tooSlow}, "* 1 message was left out here: the console could not keep up"},
		{gap{counts{0, 2}, tooSlow}, "* 2 events were left out here: the console could not keep up"},
		{gap{counts{0, 1}, failed}, "* 1 event was left out here: writing to the output failed"},
		{gap{counts{1, 1}, failed}, "* 1 message and 1 event were left out here: writing to the output failed"},
	} {
		if got := string(newTextFormat(false, false).gap(nil, "", test.gap, noon)); got != test.want+"\n" {
			t.Errorf("shown as\n%swant\n%s", got, test.want)
		}
	}
}

// On a terminal each line has its time, only the name that is true has a
// colour, and what is not a message is dimmed.
func TestTextOnTerminal(t *testing.T) {
	format := newTextFormat(true, true)
	colour := colourOf("alice")
	joined := &broadcast.Notice{Kind: broadcast.Joined, From: sender("alice"), Time: noon.Add(time.Second)}
	for _, test := range []struct{ got, want []byte }{
		{
			format.message(nil, "", entry("alice", "alice", "hello")),
			fmt.Appendf(nil, "12:04:05 %salice\x1b[39m: hello\n", colour),
		},
		{
			format.message(nil, "", entry("alice", "bob", "hello")),
			fmt.Appendf(nil, "12:04:05 ! %s\"alice\"\x1b[39m writes as \"bob\": hello\n", colour),
		},
		{format.notice(nil, "", joined), []byte("12:04:06 \x1b[2m* \"alice\" joined\x1b[22m\n")},
		{
			format.gap(nil, "", gap{counts{1, 0}, tooSlow}, noon),
			[]byte("12:04:05 \x1b[2m* 1 message was left out here: the console could not keep up\x1b[22m\n"),
		},
	} {
		if string(test.got) != string(test.want) {
			t.Errorf("shown as\n%q, want\n%q", test.got, test.want)
		}
	}
	if got := string(newTextFormat(true, false).message(nil, "", entry("a", "a", "b"))); got != "12:04:05 a: b\n" {
		t.Errorf("without colours: %q", got)
	}
}

// readTextLine does what a program would that reads plain lines: it says whose
// message a line is, the name it was sent under and its text.
func readTextLine(line string) (own, name, text string, err error) {
	if strings.HasPrefix(line, "* ") {
		return "", "", "", fmt.Errorf("not a message")
	}
	fields := make([]string, 3)
	if rest, found := strings.CutPrefix(line, "! "); found {
		for i, after := range []string{" writes as ", ": "} {
			end := endOfQuoted(rest)
			if end < 0 || !strings.HasPrefix(rest[end:], after) {
				return "", "", "", fmt.Errorf("no quoted name before %q", after)
			}
			fields[i], rest = rest[1:end-1], rest[end+len(after):]
		}
		fields[2] = rest
	} else {
		name, text, found := strings.Cut(line, ": ")
		if !found {
			return "", "", "", fmt.Errorf("no end of the name")
		}
		if name == `""` {
			name = ""
		}
		fields = []string{name, name, text}
	}
	for i := range fields {
		if fields[i], err = unescape(fields[i]); err != nil {
			return "", "", "", err
		}
	}
	return fields[0], fields[1], fields[2], nil
}

// endOfQuoted returns the length of the quoted string that s begins with.
func endOfQuoted(s string) int {
	for i := 1; i < len(s) && s[0] == '"'; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
