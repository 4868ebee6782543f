package console

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// Parts tells what was written from what stands for something else.
func TestParts(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"hello", "hello"},
		{`C:\Users\bob \x1b \\`, `C:\Users\bob \x1b \\`},
		{"a\tb\n", `a[\t]b[\n]`},
		{"\x1b\u202e\xff\\\x1b", `[\x1b][\u{202e}][\xff]\[\x1b]`},
	} {
		var got strings.Builder
		for part, isEscape := range Parts(Escape(nil, []byte(test.text))) {
			if isEscape {
				got.WriteString("[" + string(part) + "]")
			} else {
				got.Write(part)
			}
		}
		if got.String() != test.want {
			t.Errorf("%q has the parts %s, want %s", test.text, &got, test.want)
		}
	}
}

// The text can be read from what is shown of it, whatever is in it, and what is
// shown has no control characters but tabs.
func FuzzReadable(f *testing.F) {
	f.Add([]byte(`C:\Users\bob\new \x1b \u{202e} \\host\`))
	f.Add([]byte("\\\n\\\\\n\t\\\t\x1b\\\x1b"))
	f.Add([]byte("\\\u0301\\x1\u202e\\u{\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		shown := string(AppendReadable(nil, text))
		if strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || !utf8.ValidString(shown) {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		if got := readReadable(shown); got != string(text) {
			t.Fatalf("%q is shown as %s, which says %q", text, shown, got)
		}
	})
}

// readReadable reads a text as documented: a backslash that does not begin one of
// the escapes is itself.
func readReadable(shown string) string {
	var text []byte
	for len(shown) > 0 {
		n := 1
		switch {
		case strings.HasPrefix(shown, `\\`):
			text, n = append(text, '\\'), 2
		case strings.HasPrefix(shown, `\n`):
			text, n = append(text, '\n'), 2
		case strings.HasPrefix(shown, `\r`):
			text, n = append(text, '\r'), 2
		case strings.HasPrefix(shown, `\x`) && len(shown) >= 4 && isHex(shown[2]) && isHex(shown[3]):
			b, _ := strconv.ParseUint(shown[2:4], 16, 8)
			text, n = append(text, byte(b)), 4
		case strings.HasPrefix(shown, `\u{`) && len(shown) > 3 && isHex(shown[3]):
			end := max(3, strings.IndexByte(shown, '}'))
			r, _ := strconv.ParseUint(shown[3:end], 16, 32)
			text, n = utf8.AppendRune(text, rune(r)), end+1
		default:
			text = append(text, shown[0])
		}
		shown = shown[n:]
	}
	return string(text)
}
