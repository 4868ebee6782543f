package terminal

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"hello", 10, []string{"hello"}},
		{"hello you", 9, []string{"hello you"}},
		{"hello you", 8, []string{"hello", "you"}},
		{"hello you", 5, []string{"hello", "you"}},
		{"hello you", 4, []string{"hell", "o", "you"}},
		{"see 0123456789", 8, []string{"see 0123", "456789"}},
		{"one\ntwo\n", 10, []string{"one", "two", ""}},
		{"a  b", 2, []string{"a ", "b"}},
		{"日本語", 4, []string{"日本", "語"}},
		{"a日本語", 4, []string{"a日", "本語"}},
		{"x 日本語", 5, []string{"x 日", "本語"}},
		{"e\u0301e\u0301e\u0301", 2, []string{"e\u0301e\u0301", "e\u0301"}},
		{"日", 1, []string{"日"}},
		{"abc", 0, []string{"a", "b", "c"}},
		{"שלום עולם", 5, []string{"שלום", "עולם"}},
	} {
		var got []string
		for _, s := range wrap(test.text, test.width) {
			got = append(got, test.text[s.begin:s.end])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q in %d columns: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// Rows are never too wide, and only the blanks and line breaks between them are
// left out.
func TestWrapKeepsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab  \n日👩\u200d👧\u0301שé🇵"))).Draw(t, "text")
		width := rapid.IntRange(1, 20).Draw(t, "width")
		at := 0
		for i, s := range wrap(text, width) {
			if left := text[at:s.begin]; i == 0 && left != "" || i > 0 && left != " " && left != "\n" && left != "" {
				t.Fatalf("%q is left out before row %d", left, i)
			}
			row := text[s.begin:s.end]
			if columns(row) > width && !isOne(row) {
				t.Fatalf("row %q has %d columns", row, columns(row))
			}
			at = s.end
		}
		if rest := text[at:]; rest != "" {
			t.Fatalf("%q is left out at the end", rest)
		}
	})
}

// isOne reports whether at most one character of a row has any width. It must be
// shown even if it is too wide.
func isOne(row string) bool {
	n := 0
	for len(row) > 0 {
		size, w := cluster(row)
		if w > 0 {
			n++
		}
		row = row[size:]
	}
	return n <= 1
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
	} {
		if got := cut(test.text, test.width); got != test.want {
			t.Errorf("%q in %d columns: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// Whatever was sent, every row fits, is indented as it should be, and has no
// control characters but the colours.
func FuzzRows(f *testing.F) {
	f.Add("alice", "hello", 80)
	f.Add("alice\u034f", "\u0301", 40)
	f.Add("* a", "/me \x1b[2J\n\n\t日本語", 20)
	f.Add("alice", "https://a.example/\x07\x1b]8;;https://b.example\x07 http://ż.example/ż (http://a/b\\c)", 15)
	f.Add(" \u202e: ", "👨‍👩‍👧‍👦\xff", 9)
	f.Fuzz(func(t *testing.T, name, text string, width int) {
		width = 10 + int(uint(width)%200)
		for _, k := range []kind{others, own, unsent, mentioned, doubtful} {
			e := newMessage(k, noon, name, text)
			if e.name.text == "" || strings.ContainsFunc(e.name.text, func(r rune) bool {
				return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
			}) {
				t.Fatalf("nobody can see all of the name %+q", e.name.text)
			}
			for i, row := range e.rows(layout{width: width, links: true}) {
				shown := sgr.ReplaceAllString(row, "")
				if strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
					t.Fatalf("a control in %q", shown)
				}
				indent := nameAt
				if width < minWidthForTime {
					indent = nameAt - markAt
				}
				lead := strings.Repeat(" ", indent+hanging)
				if i == 0 {
					lead = string(k) + " "
					if width >= minWidthForTime {
						lead = "12:04 " + lead
					}
				}
				rest, ok := strings.CutPrefix(shown, lead)
				if !ok {
					t.Fatalf("row %d is %q", i, shown)
				}
				if columns(shown) > width && !isOne(rest) {
					t.Fatalf("row %q has %d columns", shown, columns(shown))
				}
			}
			for _, row := range e.rows(layout{width: width, bare: true, links: true}) {
				shown := sgr.ReplaceAllString(row, "")
				if strings.ContainsFunc(shown, unicode.IsControl) || columns(shown) > width && !isOne(shown) {
					t.Fatalf("to copy from, there is the row %q", shown)
				}
			}
		}
	})
}
