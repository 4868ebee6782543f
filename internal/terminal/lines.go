package terminal

import (
	"bufio"
	"unicode/utf8"
)

// maxLine is how many bytes of a line are read before they are sent. The rest of
// a longer one counts as a line of its own, so that the memory for an input
// without line breaks is bounded.
const maxLine = 64 << 10

// splitLines is a bufio.SplitFunc that returns lines without their ends, "\n" or
// "\r\n". It cuts lines that are too long, but not within a character.
func splitLines(data []byte, atEOF bool) (advance int, line []byte, err error) {
	advance, line, err = bufio.ScanLines(data, atEOF)
	if advance > 0 || err != nil || len(data) < maxLine {
		return advance, line, err
	}
	n := maxLine
	for n > maxLine-utf8.UTFMax && !utf8.RuneStart(data[n-1]) {
		n--
	}
	// data[n-1] begins the last character, or there is none nearby.
	if n > maxLine-utf8.UTFMax && !utf8.FullRune(data[n-1:maxLine]) {
		return n - 1, data[:n-1], nil
	}
	return maxLine, data[:maxLine], nil
}
