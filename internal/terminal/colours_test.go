package terminal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"pgregory.net/rapid"

	"sop-chat/internal/console"
)

// Nobody has the colour of another one of the latest speakers, also with 16 colours,
// and everybody keeps theirs.
func TestColours(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.ANSI, colorprofile.ANSI256, colorprofile.TrueColor} {
		rapid.Check(t, func(t *rapid.T) {
			c := newColours(profile)
			people := rapid.SliceOfNDistinct(rapid.StringN(1, 8, -1), 2, len(c.palette), rapid.ID).Draw(t, "people")
			has := map[string]uint8{}
			for range 30 {
				name := rapid.SampledFrom(people).Draw(t, "name")
				colour := c.of(name)
				if before, known := has[name]; known && before != colour {
					t.Fatalf("%q had %d and has %d", name, before, colour)
				}
				has[name] = colour
			}
			taken := map[uint8]string{}
			for name, colour := range has {
				if other, is := taken[colour]; is {
					t.Fatalf("%q and %q have %d", name, other, colour)
				}
				taken[colour] = name
			}
		})
	}
}

// Somebody alone has the colour of the server's console. However many speak, there is
// a colour for each.
func TestColoursOfMany(t *testing.T) {
	c := newColours(colorprofile.ANSI256)
	if got, want := c.of("alice"), console.Palette()[console.Shade("alice")]; got != want {
		t.Errorf("alice has %d, want %d", got, want)
	}
	for i := range 3 * maxColoured {
		c.of(fmt.Sprint(i))
	}
	if len(c.latest) != maxColoured {
		t.Errorf("%d names are remembered", len(c.latest))
	}
}

// A long name leaves space for the text, and its end can't be taken for what was
// written. A claim shows both names.
func TestLongName(t *testing.T) {
	long := strings.Repeat("n", 64)
	for _, test := range []struct{ name, want string }{
		{"0123456789012", "12:04   0123456789012: hi"},
		{"01234567890123", "12:04   012345678901⟦…⟧: hi"},
		{strings.Repeat("日", 21), "12:04   日日日日日日⟦…⟧: hi"},
		{"01234567\u202e", "12:04   01234567⟦…⟧: hi"},
		{"0\u202e1234567890", "12:04   0⟦\\u{202e}⟧123⟦…⟧: hi"},
		{long, "12:04   nnnnnnnnnnnn⟦…⟧: hi"},
	} {
		u := newUser(t, 40, 14)
		u.hears(test.name, "hi")
		if content := marked(u.View().Content); !strings.Contains(content, test.want+"\n") {
			t.Errorf("%q is shown as\n%s", test.name, content)
		}
	}
	u := newUser(t, 40, 14)
	u.happens(received{at: noon, name: "alice" + strings.Repeat("e", 59), text: "hi", from: long, known: true})
	u.shows("12:04 ! \"nnnnnnnnnn…\" writes as\n          \"aliceeeeee…\": hi")
	u.types("/plain", "<enter>")
	if screen := strings.ReplaceAll(u.screen(), "\n", ""); !strings.Contains(screen, long) {
		t.Errorf("the whole name is not on the screen:\n%s", screen)
	}
}
