package console

import (
	"fmt"
	"math"
	"testing"
)

// Every colour can be read on black and on white. 3 is what WCAG asks for
// large print; letters of one colour and the rest plain are well above it.
func TestColoursCanBeRead(t *testing.T) {
	for _, sequence := range colours {
		var n int
		if _, err := fmt.Sscanf(sequence, "\x1b[38;5;%dm", &n); err != nil || n < 16 || n > 231 {
			t.Fatalf("%q is not in the colour cube: %v", sequence, err)
		}
		l := luminance(n)
		if onBlack, onWhite := (l+0.05)/0.05, 1.05/(l+0.05); min(onBlack, onWhite) < 3.6 {
			t.Errorf("colour %d has contrast %.1f on black and %.1f on white", n, onBlack, onWhite)
		}
	}
}

// luminance is how bright a colour of the 6×6×6 cube is, by WCAG's formula.
func luminance(n int) float64 {
	levels := [6]float64{0, 95, 135, 175, 215, 255}
	linear := func(level int) float64 {
		c := levels[level] / 255
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	n -= 16
	return 0.2126*linear(n/36) + 0.7152*linear(n/6%6) + 0.0722*linear(n%6)
}

// Names have their colours for good, and a few people rarely share one.
func TestColourOf(t *testing.T) {
	if a, b := colourOf("alice"), colourOf("bob"); a == b || a != colourOf("alice") {
		t.Errorf("alice has %q, bob %q, then alice %q", a, b, colourOf("alice"))
	}
	uses := map[string]int{}
	for i := range 1200 {
		uses[colourOf(fmt.Sprint("user", i))]++
	}
	for _, colour := range colours {
		if n := uses[colour]; n < 50 || n > 200 {
			t.Errorf("of 1200 names %d have %q, want about 100", n, colour)
		}
	}
}
