package terminal

import (
	"slices"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"

	"sop-chat/internal/console"
)

// basicPalette has those of the 16 colours that can be told from each other in most
// schemes, and that are no background.
var basicPalette = []uint8{6, 5, 2, 12, 1, 3, 13, 9}

// maxColoured is how many names have a colour that is remembered.
const maxColoured = 500

// colours gives names their colours. A name has the one that it has on the server's
// console, or the next one that none of the other latest speakers has: as many as
// there are colours never look alike.
type colours struct {
	palette []uint8
	latest  []coloured // the latest speaker last
}

type coloured struct {
	name   string
	colour int // index into the palette
}

// newColours returns the colours of a terminal.
func newColours(p colorprofile.Profile) colours {
	if p == colorprofile.ANSI {
		return colours{palette: basicPalette}
	}
	return colours{palette: console.Palette()}
}

// of returns the colour of a name that has just spoken.
func (c *colours) of(name string) uint8 {
	var speaker coloured
	if i := slices.IndexFunc(c.latest, func(l coloured) bool { return l.name == name }); i >= 0 {
		speaker = c.latest[i]
		c.latest = slices.Delete(c.latest, i, i+1)
	} else {
		speaker = coloured{name, c.free(console.Shade(name))}
	}
	if c.latest = append(c.latest, speaker); len(c.latest) > maxColoured {
		c.latest = slices.Delete(c.latest, 0, 1)
	}
	return c.palette[speaker.colour]
}

// free returns the first colour, from a preferred one on, that none of the other
// latest speakers has.
func (c *colours) free(preferred int) int {
	others := c.latest[max(0, len(c.latest)-len(c.palette)+1):]
	for n := range c.palette {
		colour := (preferred + n) % len(c.palette)
		if !slices.ContainsFunc(others, func(o coloured) bool { return o.colour == colour }) {
			return colour
		}
	}
	panic("more colours are taken than there are speakers")
}

// nameStyle returns the style of a name beside a text of some style.
func (e *entry) nameStyle(style lipgloss.Style, l layout) lipgloss.Style {
	if e.kind == unsent || e.kind == mentioned && l.basic && !l.bare {
		return style
	}
	return style.Foreground(lipgloss.ANSIColor(e.colour)).Bold(style.GetBold() || e.kind == own || e.kind == mentioned)
}
