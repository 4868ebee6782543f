package console

// colours are those of the 256 that can be read on black and on white alike,
// far enough from each other to be told apart.
var colours = [...]string{
	"\x1b[38;5;28m",
	"\x1b[38;5;30m",
	"\x1b[38;5;32m",
	"\x1b[38;5;63m",
	"\x1b[38;5;64m",
	"\x1b[38;5;98m",
	"\x1b[38;5;100m",
	"\x1b[38;5;130m",
	"\x1b[38;5;160m",
	"\x1b[38;5;162m",
	"\x1b[38;5;164m",
	"\x1b[38;5;166m",
}

// What ends a colour, and what dims and ends that. They change nothing else
// that the terminal is set to.
const (
	noColour = "\x1b[39m"
	dim      = "\x1b[2m"
	noDim    = "\x1b[22m"
)

// colourOf returns the sequence for a name's colour, which is the same for as
// long as the palette is.
func colourOf(name string) string {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	hash := uint32(offset)
	for i := range len(name) {
		hash = (hash ^ uint32(name[i])) * prime
	}
	return colours[hash%uint32(len(colours))]
}
