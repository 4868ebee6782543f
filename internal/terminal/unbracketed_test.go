package terminal

import (
	"os"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// What nobody can have typed is a paste; what is one already stays as it is.
func TestUnbracketedPaste(t *testing.T) {
	bracketed := func(s string) string { return pasteBegins + s + pasteEnds }
	long := strings.Repeat("x\r", 100)
	for _, test := range []struct {
		what        string
		reads, want []string
		pause       time.Duration
	}{
		{"three lines", []string{"one\rtwo\rthree"}, []string{bracketed("one\rtwo\rthree")}, 0},
		{"with tabs and the last break", []string{"\tone\r\n\ttwo\r\n日\r\n"}, []string{bracketed("\tone\r\n\ttwo\r\n日\r\n")}, 0},
		{"two lines typed while the network was slow", []string{"yes\rno\r"}, []string{"yes\rno\r"}, 0},
		{"a line", []string{"yes\r"}, []string{"yes\r"}, 0},
		{"keys", []string{"a\rb\x1b[A\rc\rd", "a\r\x03b\rc\r"}, []string{"a\rb\x1b[A\rc\rd", "a\r\x03b\rc\r"}, 0},
		{"one in several reads", []string{long, "the end\r"}, []string{bracketed(long), bracketed("the end\r")}, time.Millisecond},
		{"typed after one", []string{long, "typed\r"}, []string{bracketed(long), "typed\r"}, time.Second},
		{"brackets", []string{bracketed(long), "\x1b[200~a", long, "b\x1b[20", "1~", long}, []string{bracketed(long), "\x1b[200~a", long, "b\x1b[20", "1~", bracketed(long)}, time.Second},
	} {
		var r pasteReader
		now := noon
		for i, read := range test.reads {
			b := make([]byte, 4096)
			n := r.bracket(b, copy(b, read), now)
			if got := string(b[:n]); got != test.want[i] {
				t.Errorf("%s: read %d is %q, want %q", test.what, i, got, test.want[i])
			}
			now = now.Add(test.pause)
		}
	}
}

// The brackets fit into what the caller reads into, and are read as a paste.
func TestPasteReader(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	r := newPasteReader(read)
	write.WriteString(strings.Repeat("x\r", 1000))
	b := make([]byte, 100)
	n, err := r.Read(b)
	if got := string(b[:n]); err != nil || n != 100 || !strings.HasPrefix(got, pasteBegins) || !strings.HasSuffix(got, pasteEnds) {
		t.Errorf("read %q, %v", got, err)
	}
	u := newUser(t, 80, 24)
	u.update(tea.PasteMsg{Content: "one\rtwo\rthree\r"})
	if u.types("<enter>"); len(u.backend.queued) != 1 || u.backend.queued[0] != "one\ntwo\nthree" {
		t.Errorf("sent %q", u.backend.queued)
	}
}
