package console

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever 512 bytes are sent, under whatever name: each format makes one line
// of them that is safe to show and from which they can be read again.
func FuzzFormats(f *testing.F) {
	f.Add("alice", []byte("alice"), []byte("hello"))
	f.Add("bob", []byte(" alice "), []byte("\x1b[2J\n* \"bob\" left"))
	f.Add("a: b: c", []byte("a: b: c\x00"), []byte(": "))
	f.Add(`! "x`, []byte(`! "x`), []byte("\xff\u202e\u2028\U000e0001\uffff"))
	f.Add("\xffa", []byte("\xffa"), []byte(`\x41\`))
	f.Add("", []byte(" "), []byte(""))
	text, terminal, jsonLines := newTextFormat(false, false), newTextFormat(true, true), newJSONFormat()
	f.Fuzz(func(t *testing.T, own string, name, message []byte) {
		own = strings.TrimSpace(own) // as the server does
		e := entry(own, string(name), string(message))
		name, message = e.Message.Name(), e.Message.Text()

		line := checkLine(t, text.message(nil, "", e))
		gotOwn, gotName, gotText, err := readTextLine(line)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if gotOwn != own || gotName != string(bytes.TrimSpace(name)) || gotText != string(message) {
			t.Fatalf("%q as %q: %q\nwas shown as %s\nwhich says %q as %q: %q", own, name, message, line, gotOwn, gotName, gotText)
		}

		shown := strings.NewReplacer(colourOf(own), "", noColour, "").Replace(string(terminal.message(nil, "", e)))
		if got, want := checkLine(t, []byte(shown)), "12:04:05 "+line; got != want {
			t.Fatalf("on a terminal: %s\nwant %s", got, want)
		}

		line = checkLine(t, jsonLines.message(nil, "", e))
		l, err := readJSONLine([]byte(line))
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		checkJSONField(t, line, own, l.AuthenticatedName, l.AuthenticatedNameBase64)
		checkJSONField(t, line, string(name), l.Name, l.NameBase64)
		checkJSONField(t, line, string(message), l.Text, l.TextBase64)
	})
}

// checkLine fails unless b is one line that can be shown, and returns it.
func checkLine(t *testing.T, b []byte) string {
	t.Helper()
	line, found := bytes.CutSuffix(b, []byte("\n"))
	if !found {
		t.Fatalf("a line without an end: %q", b)
	}
	checkShown(t, []byte(partOf.Replace(string(line))))
	return string(line)
}

// checkJSONField fails unless a field says what was sent, with the exact bytes
// beside it when, and only when, a string can't hold them.
func checkJSONField(t *testing.T, line, sent, got string, exact []byte) {
	t.Helper()
	if utf8.ValidString(sent) {
		if got != sent || exact != nil {
			t.Fatalf("%s\nsays %q and %q, want %q alone", line, got, exact, sent)
		}
	} else if string(exact) != sent {
		t.Fatalf("%s\nsays exactly %q, want %q", line, exact, sent)
	}
}

var formats = []struct {
	name   string
	format formatter
}{
	{"text", newTextFormat(false, false)},
	{"terminal", newTextFormat(true, true)},
	{"json", newJSONFormat()},
}

// Printing messages allocates nothing, whatever is in them.
func TestPrintAllocatesNothing(t *testing.T) {
	for _, test := range formats {
		t.Run(test.name, func(t *testing.T) {
			c, f := New(io.Discard, Options{}), &feed{tag: "[room] "}
			c.format = test.format
			c.entries[0] = *entry("alice", "alice", "hello")
			c.entries[1] = *entry(strings.Repeat("o", 64), strings.Repeat("n", 64), strings.Repeat("\x00\xff", 224))
			c.entries[2] = *entry("\xff", "\xff", strings.Repeat("ż\u202e\U000e0001\"", 50))
			printBatch(c, f, c.entries[:3], noon) // grows the buffer
			if n := testing.AllocsPerRun(100, func() { printBatch(c, f, c.entries[:3], noon) }); n != 0 {
				t.Errorf("%v allocations for three messages", n)
			}
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	const sentence = "Good morning! Does anybody know when the train to Warsaw leaves?"
	for _, text := range []struct{ name, text string }{
		{"ascii", sentence},
		{"full", strings.Repeat(sentence, 7)},
		{"polish", "Dzień dobry! Czy ktoś wie, o której odjeżdża pociąg do Łodzi?"},
	} {
		e := entry("alice", "alice", text.text)
		for _, f := range formats {
			b.Run(text.name+"/"+f.name, func(b *testing.B) {
				b.ReportAllocs()
				var line []byte
				for b.Loop() {
					line = f.format.message(line[:0], "", e)
				}
			})
		}
	}
}
