package wire

import (
	"strings"
	"testing"
)

// The name of a room is a short text that shows as it is.
func TestCheckRoomName(t *testing.T) {
	for _, name := range []string{"a", "main", "Class 3a", "żółw", "日本語", "a.b/c:d#e\"f'g", "🦉", strings.Repeat("n", 64), strings.Repeat("ż", 32)} {
		if err := CheckRoomName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Other names are refused, with the reason.
func TestCheckRoomNameRefuses(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"", "is empty"},
		{strings.Repeat("n", 65), "is 65 bytes long; at most 64"},
		{strings.Repeat("ż", 33), "is 66 bytes long"},
		{"a=b", "has a '='"},
		{"a\nb", `has the character U+000A at position 1`},
		{"a\x00", "U+0000"},
		{"a\x1b[31m", "U+001B"},
		{"a\u00a0b", "U+00A0"},
		{"a\u2028b", "U+2028"},
		{"\u202ea", "U+202E"},
		{"a\u200bb", "U+200B"},
		{"\xff", "not valid UTF-8"},
		{" a", "a blank at an end"},
		{"a\n", "a blank at an end"},
	} {
		if err := CheckRoomName(test.name); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: the error is %v, want one with %q", test.name, err, test.want)
		}
	}
}

// Whatever passes survives NAME=KEY.
func FuzzCheckRoomName(f *testing.F) {
	f.Add("a")
	f.Add("a=b")
	f.Fuzz(func(t *testing.T, name string) {
		if CheckRoomName(name) != nil {
			return
		}
		got, key, found := strings.Cut(name+"=key=", "=")
		if got != name || key != "key=" || !found || strings.ContainsAny(name, "\n\r\t\x00") {
			t.Errorf("%q is read as %q", name, got)
		}
	})
}
