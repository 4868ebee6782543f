package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// What is written is read again.
func TestCodec(t *testing.T) {
	c := newCodec(1, 300)
	for _, want := range []message{
		{},
		{from: 299, number: 1<<32 - 1, at: 1<<63 - 1},
		{from: 17, number: 12345, at: time.Second},
	} {
		var b wire.Message
		c.write(b[:], want)
		if got, ok := c.read(b[:]); !ok || got != want {
			t.Errorf("got %+v %v, want %+v", got, ok, want)
		}
		if want := clientName(int(want.from)); string(b.Name()) != want {
			t.Errorf("the name is %q, want %q", b.Name(), want)
		}
		if i := bytes.IndexFunc(b.Text(), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 || len(b.Text()) != wire.TextSize {
			t.Errorf("not a full text of printable characters: %q", b.Text())
		}
		if s := fingerprintOf(b[:]); !s.matches(b[:]) {
			t.Error("the fingerprint does not match what it is of")
		}
	}
}

// Whichever byte is changed, to whatever: it is noticed.
func TestCodecNoticesEveryByte(t *testing.T) {
	c := newCodec(1, 10)
	var b wire.Message
	c.write(b[:], message{from: 3, number: 7, at: time.Hour})
	s := fingerprintOf(b[:])
	for i := range b {
		sealed := i >= identityAt && i < fillerAt || i >= checksumAt
		for flip := byte(1); flip != 0; flip++ {
			b[i] ^= flip
			if m, ok := c.read(b[:]); ok {
				t.Fatalf("byte %d changed by %#x: read as %+v", i, flip, m)
			}
			if sealed && s.matches(b[:]) {
				t.Fatalf("byte %d changed by %#x: the fingerprint still matches", i, flip)
			}
			b[i] ^= flip
		}
	}
}

// A message that is made of two is noticed, as is one of another run.
func TestCodecNoticesStrangers(t *testing.T) {
	c, other := newCodec(1, 10), newCodec(2, 10)
	var a, b wire.Message
	c.write(a[:], message{from: 3, number: 7, at: 1000})
	c.write(b[:], message{from: 3, number: 8, at: 1000})
	for cut := identityAt + numeral; cut < wire.Size-1; cut++ {
		torn := append(bytes.Clone(a[:cut]), b[cut:]...)
		if m, ok := c.read(torn); ok {
			t.Errorf("torn at %d: read as %+v", cut, m)
		}
	}
	if _, ok := other.read(a[:]); ok {
		t.Error("a message of another run passes")
	}
	if err := other.notWritten(5, a[:]); !strings.Contains(err.Error(), `client 5 received what no sender of this run wrote: name "bench-3`) {
		t.Error(err)
	}
}

// Numerals are letters from a to p, and nothing else passes.
func TestNumeral(t *testing.T) {
	var b [numeral]byte
	putNumeral(b[:], 0x0123456789abcdef)
	if string(b[:]) != "abcdefghijklmnop" {
		t.Errorf("got %s", b)
	}
	for i := range b {
		for c := range 256 {
			wrong := b
			wrong[i] = byte(c)
			n, ok := getNumeral(wrong[:])
			letter := c >= 'a' && c <= 'p'
			if ok != letter {
				t.Errorf("%q: ok is %v", wrong, ok)
			}
			var back [numeral]byte
			if putNumeral(back[:], n); ok && back != wrong {
				t.Errorf("%q: read and written again %q", wrong, back)
			}
		}
	}
}
