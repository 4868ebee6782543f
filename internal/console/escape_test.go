package console

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sop-chat/internal/names"
)

// What people write is shown as it is.
func TestEscapeLeaves(t *testing.T) {
	for _, field := range []string{
		"",
		"hello, world!",
		` ~"quotes" and {braces}: all of ASCII that can be seen `,
		"zażółć gęślą jaźń",
		"日本語 עברית العربية हिन्दी",
		"👩\u200d👩\u200d👧 and می\u200cخواهم", // joiners make one sign of several
		"\ufffd was there already",
	} {
		if got := string(Escape(nil, []byte(field))); got != field {
			t.Errorf("Escape(%q) = %q, want it unchanged", field, got)
		}
	}
}

// What acts, hides or is no text at all is escaped, and nothing beside it.
func TestEscapeEscapes(t *testing.T) {
	for _, test := range []struct{ what, field, want string }{
		{"line breaks", "a\nb\rc\r\n", `a\nb\rc\r\n`},
		{"tab", "a\tb", `a\tb`},
		{"zero", "a\x00", `a\x00`},
		{"escape sequence", "\x1b[2J\x1b]0;title\x07", `\x1b[2J\x1b]0;title\x07`},
		{"delete", "a\x7f", `a\x7f`},
		{"backslash", `\n \x1b`, `\\n \\x1b`},
		{"C1", "\u0085\u009b2J", `\u{85}\u{9b}2J`},
		{"C1 as a byte", "\x9b2J", `\x9b2J`},
		{"not UTF-8", "ż\xff\xc5ż\xc5", `ż\xff\xc5ż\xc5`},
		{"overlong", "\xc0\x8a", `\xc0\x8a`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"bidirectional", "a\u202eb\u2066c\u061c", `a\u{202e}b\u{2066}c\u{61c}`},
		{"invisible", "a\u00ad\u200b\u2060\ufeff", `a\u{ad}\u{200b}\u{2060}\u{feff}`},
		{"tags", "🏴\U000e0067\U000e007f", `🏴\u{e0067}\u{e007f}`},
		{"separators", "a\u2028b\u2029", `a\u{2028}b\u{2029}`},
		{"noncharacters", "\ufdd0\uffff\U0010fffe", `\u{fdd0}\u{ffff}\u{10fffe}`},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := string(Escape([]byte("> "), []byte(test.field))); got != "> "+test.want {
				t.Errorf("Escape(%q) = %s, want > %s", test.field, got, test.want)
			}
		})
	}
}

// Of all characters, exactly those are escaped that can deceive where they are
// alone, by the tables of whatever version of Unicode Go has, and the backslash.
func TestEscapeEveryCharacter(t *testing.T) {
	for r := range unicode.MaxRune + 1 {
		if !utf8.ValidRune(r) { // a surrogate: UTF-8 has no bytes for it
			continue
		}
		field := utf8.AppendRune(nil, r)
		escaped := !bytes.Equal(Escape(nil, field), field)
		if want := isDeceptive(r) || unicode.IsMark(r) || r == '\\'; escaped != want {
			t.Fatalf("%U is escaped: %v, want %v", r, escaped, want)
		}
	}
}

// isDeceptive says by the tables of Unicode what Escape has rules for.
func isDeceptive(r rune) bool {
	return r != ' ' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Z, unicode.Noncharacter_Code_Point,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, names.Invisible)
}

// checkShown fails unless s is valid UTF-8 without anything to be escaped.
func checkShown(t *testing.T, s []byte) {
	t.Helper()
	if !utf8.Valid(s) {
		t.Fatalf("not valid UTF-8: %q", s)
	}
	if i := bytes.IndexFunc(s, isDeceptive); i >= 0 {
		t.Fatalf("shown as it is, at %d: %+q", i, s)
	}
}

// partOf are characters that a text may have where they belong.
var partOf = strings.NewReplacer("\u00a0", "", "\u202f", "", "\u3000", "", "\u200c", "", "\u200d", "", "\ufe0e", "", "\ufe0f", "")

// unescape is the inverse of Escape and escapeQuoted.
func unescape(s string) (string, error) {
	var field []byte
	for {
		before, after, found := strings.Cut(s, `\`)
		field = append(field, before...)
		if !found {
			return string(field), nil
		}
		if after == "" {
			return "", fmt.Errorf("escape without an end: %q", s)
		}
		kind := after[0]
		s = after[1:]
		switch kind {
		case 'n':
			field = append(field, '\n')
		case 'r':
			field = append(field, '\r')
		case 't':
			field = append(field, '\t')
		case '\\', '"':
			field = append(field, kind)
		case 'x':
			b, err := strconv.ParseUint(s[:min(2, len(s))], 16, 8)
			if err != nil {
				return "", err
			}
			field = append(field, byte(b))
			s = s[2:]
		case 'u':
			code, rest, _ := strings.Cut(strings.TrimPrefix(s, "{"), "}")
			r, err := strconv.ParseUint(code, 16, 21)
			if err != nil {
				return "", err
			}
			field = utf8.AppendRune(field, rune(r))
			s = rest
		default:
			return "", fmt.Errorf("unknown escape \\%c", kind)
		}
	}
}

// Whatever a field holds, its escaped form is safe to show and says exactly
// what was in the field.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{
		"", "hello", "\\\"\n\r\t\x00\x1b\x7f", "ż\xc5\xff\xed\xa0\x80", "\u0085\u202e\u2028\ufeff\uffff\U0001fffe", `\x41\u{41}`,
		"👩\u200d👩\u200d👧❤\ufe0f1\ufe0f\u20e3", "a\u00a0\u3000b\u3164\u034f", "e\u0301\u0301\u0301\u0301\u0301\u0301 \u0301", "аl\u212a",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, field []byte) {
		text, quoted := Escape(nil, field), escapeQuoted(nil, field)
		checkShown(t, []byte(partOf.Replace(string(text))))
		checkShown(t, quoted)
		checkMarks(t, string(quoted))
		for _, escaped := range [][]byte{text, quoted} {
			back, err := unescape(string(escaped))
			if err != nil || back != string(field) {
				t.Fatalf("%q was escaped as %s, which says %q (%v)", field, escaped, back, err)
			}
		}
	})
}
