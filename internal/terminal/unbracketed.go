package terminal

import (
	"bytes"
	"io"
	"os"
	"time"
)

// A pasteReader reads keys from a terminal. Some terminals paste as if the text was
// typed, so that each line of it would be sent as a message. What comes in one read
// and has three lines or more is taken for a paste, and put into the brackets that
// other terminals put around one.
//
// It is an *os.File to libraries, which wait for its descriptor.
type pasteReader struct {
	*os.File
	inPaste bool      // of a terminal that says so
	tail    []byte    // the last bytes, which may be the first of a bracket
	pasted  time.Time // when a paste came last, which may go on
}

const (
	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"
	minBreaks   = 2 // in a paste: fewer may have been typed while the network was slow
	// pasteGoesOn is how long a part of a paste may come after another, of a paste
	// that is longer than a terminal's buffer.
	pasteGoesOn = 20 * time.Millisecond
)

// newPasteReader returns a reader of keys from in, if that is a file.
func newPasteReader(in io.Reader) io.Reader {
	file, ok := in.(*os.File)
	if !ok {
		return in
	}
	return &pasteReader{File: file}
}

func (r *pasteReader) Read(b []byte) (int, error) {
	const brackets = len(pasteBegins) + len(pasteEnds)
	if len(b) <= brackets {
		return r.File.Read(b)
	}
	n, err := r.File.Read(b[:len(b)-brackets])
	return r.bracket(b, n, time.Now()), err
}

// bracket puts brackets around the first n bytes of b, if they are a paste without
// them. It returns how many bytes there are.
func (r *pasteReader) bracket(b []byte, n int, now time.Time) int {
	read := b[:n]
	if !r.inPaste && (isPaste(read) || isText(read) && now.Sub(r.pasted) < pasteGoesOn) {
		r.pasted = now
		return copy(b, pasteBegins+string(read)+pasteEnds)
	}
	recent := append(r.tail, read...)
	begin, end := bytes.LastIndex(recent, []byte(pasteBegins)), bytes.LastIndex(recent, []byte(pasteEnds))
	if begin >= 0 || end >= 0 {
		r.inPaste = begin > end
	}
	r.tail = bytes.Clone(recent[max(0, len(recent)-len(pasteBegins)+1):])
	return n
}

// isPaste reports whether a text has so many lines that nobody can have typed it.
func isPaste(read []byte) bool {
	lines := bytes.TrimRight(bytes.ReplaceAll(read, []byte("\r\n"), []byte("\n")), "\r\n")
	return isText(read) && bytes.Count(lines, []byte("\n"))+bytes.Count(lines, []byte("\r")) >= minBreaks
}

// isText reports whether keys are characters, tabs and line breaks only.
func isText(read []byte) bool {
	return len(read) > 0 && !bytes.ContainsFunc(read, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7f
	})
}
