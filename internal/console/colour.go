package console

import "fmt"

// palette are those of the 256 colours that can be read on black and on white
// alike, far enough from each other to be told apart.
var palette = [...]uint8{28, 30, 32, 63, 64, 98, 100, 130, 160, 162, 164, 166}

// colours are the sequences for the palette.
var colours = func() (sequences [len(palette)]string) {
	for i, colour := range palette {
		sequences[i] = fmt.Sprintf("\x1b[38;5;%dm", colour)
	}
	return sequences
}()

// What ends a colour, and what dims and ends that. They change nothing else
// that the terminal is set to.
const (
	noColour = "\x1b[39m"
	dim      = "\x1b[2m"
	noDim    = "\x1b[22m"
)

// colourOf returns the sequence for a name's colour, which is the same for as
// long as the palette is.
func colourOf(name string) string { return colours[shade(name)] }

// Palette returns the colours of names, of the 256 that terminals know.
func Palette() []uint8 { return palette[:] }

// Shade returns which of them a name has. A client that uses it shows most people as
// the server's console does.
func Shade(name string) int { return int(shade(name)) }

func shade(name string) uint32 {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	hash := uint32(offset)
	for i := range len(name) {
		hash = (hash ^ uint32(name[i])) * prime
	}
	return hash % uint32(len(palette))
}
