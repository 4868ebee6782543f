package terminal

import (
	"bufio"
	"unicode/utf8"
)

// longestLine is how many bytes of a line are read before they are sent. The
// rest of a longer one is taken for a line of its own, so that an input without
// line breaks needs no memory without end.
const longestLine = 64 << 10

// splitLines cuts an input into lines without their ends, "\n" or "\r\n". It
// does not cut a long one within a character.
func splitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	advance, line, err = bufio.ScanLines(data, atEOF)
	if advance > 0 || err != nil || len(data) < longestLine {
		return advance, line, err
	}
	n := longestLine
	for n > longestLine-utf8.UTFMax && !utf8.RuneStart(data[n-1]) {
		n--
	}
	// data[n-1] begins the last character, or there is none nearby.
	if n > longestLine-utf8.UTFMax && !utf8.FullRune(data[n-1:longestLine]) {
		return n - 1, data[:n-1], nil
	}
	return longestLine, data[:longestLine], nil
}
