package command

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// A text is cut where people would cut it.
func TestCutText(t *testing.T) {
	line := strings.Repeat("x", 300)
	for _, test := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"short", []string{"short"}},
		{line + "\n" + line, []string{line, line}},
		{line + " " + line, []string{line, line}},
		{line + "\n\n" + line, []string{line + "\n", line}},
		{strings.Repeat("x", 447), []string{strings.Repeat("x", 447)}},
		{strings.Repeat("x", 448), []string{strings.Repeat("x", 447), "x"}},
		{strings.Repeat("x", 446) + "ż", []string{strings.Repeat("x", 446), "ż"}},
		{"a " + strings.Repeat("x", 447), []string{"a " + strings.Repeat("x", 445), "xx"}}, // the blank is far away
	} {
		if got := cutText(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%.20q of %d bytes is cut into %q, want %q", test.text, len(test.text), got, test.want)
		}
	}
}

// Whatever a text is, its parts fit, are whole characters, and are all of it but for blanks.
func TestCutTextProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune{'a', ' ', '\n', 'ż', '日', '🦉'}), 0, 1000, -1).Draw(t, "text")
		parts := cutText(text)
		for _, part := range parts {
			if len(part) > longestText || !utf8.ValidString(part) {
				t.Fatalf("a part has %d bytes, valid %v", len(part), utf8.ValidString(part))
			}
		}
		blanks := strings.NewReplacer(" ", "", "\n", "")
		if got, want := blanks.Replace(strings.Join(parts, "")), blanks.Replace(text); got != want {
			t.Fatalf("%q became %q", want, got)
		}
	})
}
