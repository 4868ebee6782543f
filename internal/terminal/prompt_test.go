package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// promptFor returns a prompt, and what it writes.
func promptFor(t testing.TB, columns int) (*Prompt, *bytes.Buffer) {
	t.Helper()
	out := new(bytes.Buffer)
	p := NewPrompt(out, func(text string) (int, []string) {
		from := strings.LastIndexByte(text, ' ') + 1
		var all []string
		for _, word := range []string{"kick", "kill", "who", "日本語"} {
			if strings.HasPrefix(word, text[from:]) {
				all = append(all, word)
			}
		}
		return from, all
	})
	p.Show(columns)
	return p, out
}

// Keys edit the line, and Enter returns it.
func TestPromptKeys(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{"who\r", "who"},
		{"whp\x7fo\r", "who"},
		{"ho\x1b[Hw\r", "who"},
		{"ho\x01w\x05!\r", "who!"},
		{"wo\x1b[Dh\r", "who"},
		{"who x\x17\x7f\r", "who"},
		{"nonsense\x15who\r", "who"},
		{"whoo\x1b[D\x1b[3~\r", "who"},
		{"who\x1b[1;5D\x0bkick\r", "kick"},
		{"ki\t1\r", "ki1"},
		{"kic\t1\r", "kick 1"},
		{"w\t日\t\r", "who 日本語 "},
		{"日本\x7f\r", "日"},
		{"e\u0301\x7f\r", ""},
		{"\x1b[200~say a\nb\x1b[201~\r", "say a b"},
		{"a\x00\x1b\x1b[99~\u202e\u200bb\r", "ab"},
		{"\xff\xfea\r", "a"},
		{"\x1bOHwho\r", "who"},
	} {
		for _, size := range []int{1, 3, len(test.keys)} { // however they arrive
			p, _ := promptFor(t, 80)
			var got []string
			for b := []byte(test.keys); len(b) > 0; {
				n := min(size, len(b))
				got = append(got, p.Type(b[:n])...)
				b = b[n:]
			}
			if len(got) != 1 || got[0] != test.want {
				t.Errorf("%q in pieces of %d is %q, want %q", test.keys, size, got, test.want)
			}
		}
	}
}

// Up and down go through what was entered, and back to what was being typed.
func TestPromptPast(t *testing.T) {
	p, _ := promptFor(t, 80)
	p.Type([]byte("first\rsecond\rsecond\rsecret\r"))
	p.Forget()
	for _, step := range []struct{ keys, want string }{
		{"dra", "dra"}, {"\x1b[A", "second"}, {"\x1b[A", "first"}, {"\x1b[A", "first"}, {"\x1b[B", "second"}, {"\x1b[B", "dra"}, {"\x1b[B", "dra"},
	} {
		if p.Type([]byte(step.keys)); p.editor.text != step.want {
			t.Errorf("after %q the line is %q, want %q", step.keys, p.editor.text, step.want)
		}
	}
}

// What is printed stands above the line, which is drawn again below it; but not within a
// line of what is printed.
func TestPromptPrints(t *testing.T) {
	p, out := promptFor(t, 20)
	p.Type([]byte("wh"))
	out.Reset()
	p.Write([]byte("alice: hello\n"))
	if got, want := out.String(), eraseRow+"alice: hello\n> wh\r\x1b[4C"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	out.Reset()
	p.Write([]byte("half"))
	p.Type([]byte("o"))
	p.Write([]byte(" a line\n"))
	if got, want := out.String(), eraseRow+"half a line\n> who\r\x1b[5C"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	out.Reset()
	p.Hide()
	p.Write([]byte("bare\n"))
	if got, want := out.String(), eraseRow+pasteModeOff+"bare\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Whatever is typed, the line stays in its row.
func FuzzPrompt(f *testing.F) {
	f.Add([]byte("kick eve --reason \"a b\"\r\x1b[A\t\t\x1b[200~x\n"), 10)
	f.Add([]byte("日本語\x1b[D\x7f\x1b[C\x17"), 5)
	f.Fuzz(func(t *testing.T, keys []byte, width int) {
		p, out := promptFor(t, width%200)
		for _, b := range keys {
			p.Type([]byte{b})
			text, cursor := p.visible()
			if most := max(1, p.width-len(mark)-1); columns(text) > most || cursor > most || cursor < 0 {
				t.Fatalf("%q is in %d columns, with the cursor in %d", text, p.width, cursor)
			}
			if !utf8.ValidString(p.editor.text) || p.editor.cursor > len(p.editor.text) {
				t.Fatalf("the line is %q, with the cursor at %d", p.editor.text, p.editor.cursor)
			}
			if len(p.keys) > 64 && !p.pasting {
				t.Fatalf("%q waits", p.keys)
			}
		}
		if i := bytes.IndexAny(out.Bytes(), "\u202e\u200b\x9b"); i >= 0 && utf8.Valid(out.Bytes()) {
			t.Fatalf("it writes %q", out.Bytes())
		}
	})
}

// Another prompt goes on with what was typed, wherever in it the cursor is, and with what was
// entered before, also within a key that is a sequence. One that is nonsense does no harm.
func TestPromptDraft(t *testing.T) {
	out := new(strings.Builder)
	p := NewPrompt(out, nil)
	p.Type([]byte("who\rsay żółw\x1b[D\x1b["))
	next := NewPrompt(out, nil)
	next.GoOn(p.Draft())
	if entered := next.Type([]byte("Dx\r")); len(entered) != 1 || entered[0] != "say żóxłw" {
		t.Errorf("%q is entered", entered)
	}
	if entered := next.Type([]byte("\x1b[A\x1b[A\r")); len(entered) != 1 || entered[0] != "who" {
		t.Errorf("%q is entered", entered)
	}
	for _, d := range []Draft{{Text: "ż", Cursor: 1}, {Text: "a", Cursor: 99}, {Text: "a", Cursor: -1}, {Text: "\x1b[2J\na", Cursor: 2}} {
		p := NewPrompt(out, nil)
		p.GoOn(d)
		p.Type([]byte("b\x7f\x7f"))
	}
}
