package qrcode

import (
	"strings"
	"testing"

	"rsc.io/qr"
)

// The drawing has every module of the code, and white around it.
func TestDraw(t *testing.T) {
	code, err := qr.Encode("http://192.168.1.5:8080/#key=key", qr.L)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(draw(code), "\n"), "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[30;107m"), "\x1b[0m")
		row := []rune(line)
		if len(row) != code.Size+8 {
			t.Fatalf("line %d is %d columns wide, want %d", i, len(row), code.Size+8)
		}
		for x, half := range row {
			upper, lower := strings.ContainsRune("▀█", half), strings.ContainsRune("▄█", half)
			if y := 2*i - 4; upper != code.Black(x-4, y) || lower != code.Black(x-4, y+1) {
				t.Fatalf("line %d, column %d is %q", i, x, half)
			}
		}
	}
	if len(lines) != (code.Size+8+1)/2 {
		t.Errorf("there are %d lines for %d modules", len(lines), code.Size)
	}
}

// The longest link that the server makes has a code, and what is too long for
// one is an error.
func TestDrawLong(t *testing.T) {
	const mostKey = 448 // bytes, each of them escaped
	link := "https://" + strings.Repeat("h", 253) + ":65535/#key=" + strings.Repeat("%C3", mostKey)
	if picture, err := Draw(link); err != nil || strings.Count(picture, "\n") < 21 {
		t.Errorf("a link of %d bytes has the picture %q, %v", len(link), picture, err)
	}
	if picture, err := Draw(strings.Repeat("a", 3000)); err == nil {
		t.Errorf("3000 bytes have the picture %q, want an error", picture)
	}
}
