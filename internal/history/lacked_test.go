package history

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

// A character that is taken for a part of no word in ASCII is none, whatever is beside it.
func TestIsApart(t *testing.T) {
	var w words
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if !isApart(r) {
			continue
		}
		w.split("a" + string(r) + "b")
		if n := len(w.all); n < 2 || string(w.at(0)) != "a" || string(w.at(n-1)) != "b" {
			t.Errorf("%U: the words are %q", r, w.terms())
		}
		for i := 1; i < len(w.all)-1; i++ {
			if isASCII(w.at(i)) {
				t.Errorf("%U: %q is a word", r, w.at(i))
			}
		}
	}
}
