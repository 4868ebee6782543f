package client_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"sop-chat/client"
)

// Texts are cut between characters as a reader sees them.
func TestSplit(t *testing.T) {
	full := strings.Repeat("t", client.MaxText)
	short := func(n int) string { return full[n:] }
	family := "👨‍👩‍👧‍👦" // 25 bytes
	for _, test := range []struct {
		what string
		text string
		want []string
	}{
		{"empty", "", []string{""}},
		{"short", "hello", []string{"hello"}},
		{"full", full, []string{full}},
		{"a byte more", full + "x", []string{full, "x"}},
		{"three", full + full + "x", []string{full, full, "x"}},
		{"a character on the border", short(1) + "ż!", []string{short(1), "ż!"}},
		{"a character before it", short(2) + "ż!", []string{short(2) + "ż", "!"}},
		{"an accent", short(1) + "e\u0301!", []string{short(1), "e\u0301!"}},
		{"an emoji of many", short(9) + family, []string{short(9), family}},
		{"a tone of skin", short(4) + "👍🏽", []string{short(4), "👍🏽"}},
		{"a flag", short(4) + "🇵🇱", []string{short(4), "🇵🇱"}},
		{"Hangul in letters", short(3) + "\u1112\u1161\u11ab", []string{short(3), "\u1112\u1161\u11ab"}},
		{"a line break of two", short(1) + "\r\n", []string{short(1), "\r\n"}},
		{"too many accents", "e" + strings.Repeat("\u0301", 300), []string{"e" + strings.Repeat("\u0301", 223), strings.Repeat("\u0301", 77)}},
		{"no UTF-8", strings.Repeat("\x80", 500), []string{strings.Repeat("\x80", 448), strings.Repeat("\x80", 52)}},
	} {
		if got := client.Split(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q\nwant %q", test.what, got, test.want)
		}
	}
}

// The parts of any text together are the text, and none is too long. If the text is
// UTF-8, so are they.
func TestSplitRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringN(0, -1, 3000),
			rapid.StringOfN(rapid.RuneFrom([]rune("aż語👩\u200d\u0301🏽🇵\r\n\x00")), 0, 2000, -1),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 2000), func(b []byte) string { return string(b) }),
		).Draw(t, "text")
		parts := client.Split(text)
		if strings.Join(parts, "") != text {
			t.Fatal("the parts don't make the text")
		}
		for i, part := range parts {
			switch {
			case len(part) > client.MaxText:
				t.Fatalf("part %d has %d bytes", i, len(part))
			case len(part) == 0 && text != "":
				t.Fatalf("part %d is empty", i)
			case utf8.ValidString(text) && !utf8.ValidString(part):
				t.Fatalf("part %d is not UTF-8", i)
			case len(part) < client.MaxText-64 && i < len(parts)-1:
				t.Fatalf("part %d of %d has only %d bytes", i, len(parts), len(part))
			}
		}
	})
}
