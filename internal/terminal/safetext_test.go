package terminal

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/console"
)

// reversed matches what is shown in reverse.
var reversed = regexp.MustCompile(`\x1b\[(?:[0-9;]*;)?7[0-9;]*m([^\x1b]*)\x1b\[m`)

// marked returns a text of the screen with brackets in place of reverse.
func marked(content string) string {
	return sgr.ReplaceAllString(reversed.ReplaceAllString(content, "⟦$1⟧"), "")
}

// What is harmless is shown as it is written, so that code can be copied. What
// stands for something else is marked, in names and notices too.
func TestEscapesAreMarked(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"bob", `C:\Users\bob ^\d+\s*$ \\host "\n"`, `bob: C:\Users\bob ^\d+\s*$ \\host "\n"`},
		{"bob", "\x1b \\x1b \u202e\\\xff", `bob: ⟦\x1b⟧ \x1b ⟦\u{202e}⟧\⟦\xff⟧`},
		{`dom\bob`, "hi", `dom\bob: hi`},
		{"b\tb", "hi", `b⟦\t⟧b: hi`},
		{"* bob", "waves", `⟦\x2a⟧ bob: waves`},
		{"bob", "if:\n\treturn\t1\n日\tx\u200b\tend", "bob: if:\n              return  1\n          日  x⟦\\u{200b}⟧   end"},
		{"bob", "/me \x1b", `* bob ⟦\x1b⟧`},
		{"bob", strings.Repeat("\\\n", maxLines), `bob: \⟦\n⟧\⟦\n⟧`},
	} {
		u := newUser(t, 80, 50)
		u.hears(test.name, test.text)
		if content := marked(u.View().Content); !strings.Contains(content, "12:04   "+test.want) {
			t.Errorf("%q: %q is shown as\n%s\nwant\n%s", test.name, test.text, content, test.want)
		}
	}
	u := newUser(t, 80, 50)
	u.happens(received{at: noon, name: "al\"ice", text: "hi", from: `e\ve` + "\a", known: true})
	u.addNotice("\x1b")
	content := marked(u.View().Content)
	for _, want := range []string{`! "e\ve⟦\x07⟧" writes as "al⟦\"⟧ice": hi`, `- ⟦\x1b⟧`} {
		if !strings.Contains(content, want) {
			t.Errorf("there is no %s in\n%s", want, content)
		}
	}
}

// A text that is shown with its escapes where they are is the text that package
// console shows.
func TestSafeTextIsEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab\\nx\x1b\u202e\u0301日"))).Draw(t, "text")
		s := safeLine(text)
		var again strings.Builder
		at := 0
		doubled := func(literal string) string { return strings.ReplaceAll(literal, `\`, `\\`) }
		for _, e := range s.escapes {
			again.WriteString(doubled(s.text[at:e.begin]) + s.text[e.begin:e.end])
			at = e.end
		}
		again.WriteString(doubled(s.text[at:]))
		if want := string(console.Escape(nil, []byte(text))); again.String() != want {
			t.Fatalf("%q is shown as %s, want %s", text, &again, want)
		}
	})
}
