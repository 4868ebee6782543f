package e2e

import (
	"testing"

	"sop-chat/internal/wire"
)

// TCP keeps no message boundaries: however the bytes are cut, the same messages
// arrive.
func TestPieces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what     string
		size     int // of a piece; 0 is everything at once
		messages int
	}{
		{"byte by byte", 1, 3},
		{"a few bytes", 7, 20},
		{"a field each", wire.NameSize, 20},
		{"a byte less than a message", wire.Size - 1, 600},
		{"whole messages", wire.Size, 600},
		{"a byte more than a message", wire.Size + 1, 600},
		{"two and a half messages", 5 * wire.Size / 2, 600},
		{"more than a page", 4097, 600},
		{"everything at once", 0, 2},
		{"a megabyte at once", 0, 1 << 20 / wire.Size},
	} {
		t.Run(test.what, func(t *testing.T) {
			srv := start(t)
			b := join(t, srv, "b")
			a := connect(t, srv)
			a.name = "a"
			all := stream(message("a", key))
			for n := range test.messages {
				all = append(all, stream(numbered("a", n))...)
			}
			sent := beside(t, func() error { return writePieces(a, all, test.size) })
			if err := b.reader("a").readAll(test.messages); err != nil {
				t.Fatal(err)
			}
			wait(sent)
			a.expect(message("a", key))
			b.expectNothing(a)
		})
	}
}

func writePieces(c *client, all []byte, size int) error {
	if size == 0 {
		size = len(all)
	}
	for len(all) > 0 {
		piece := all[:min(size, len(all))]
		if _, err := c.Write(piece); err != nil {
			return err
		}
		all = all[len(piece):]
	}
	return nil
}

// An incomplete message holds up nobody. It is complete with its last byte,
// whatever other clients send meanwhile.
func TestIncompleteWaits(t *testing.T) {
	t.Parallel()
	srv := start(t)
	a, b, c := join(t, srv, "a"), join(t, srv, "b"), join(t, srv, "c")
	m := message("a", "in two pieces")
	for cut := 1; cut < wire.Size; cut += 73 {
		if _, err := a.Write(m[:cut]); err != nil {
			t.Fatal(err)
		}
		b.expectNothing(a, c)
		if _, err := a.Write(m[cut:]); err != nil {
			t.Fatal(err)
		}
		b.expect(m)
		c.expect(m)
	}
}
