// Package qrcode draws a text as a QR code on a terminal. It is the only package
// that knows the library which encodes it.
package qrcode

import (
	"strings"

	"rsc.io/qr"
)

// Draw returns the code of a text, two rows of it in a line, black on white
// whatever the terminal's colours are. It fails if the text is too long for one.
func Draw(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	return draw(code), nil
}

func draw(code *qr.Code) string {
	const (
		margin = 4 // of white, as the standard asks for
		begin  = "\x1b[30;107m"
		end    = "\x1b[0m"
	)
	halves := []string{" ", "▀", "▄", "█"}
	var b strings.Builder
	for y := -margin; y < code.Size+margin; y += 2 {
		b.WriteString(begin)
		for x := -margin; x < code.Size+margin; x++ {
			half := 0
			if code.Black(x, y) {
				half |= 1
			}
			if code.Black(x, y+1) {
				half |= 2
			}
			b.WriteString(halves[half])
		}
		b.WriteString(end + "\n")
	}
	return b.String()
}
