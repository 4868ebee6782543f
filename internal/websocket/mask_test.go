package websocket

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Each byte is masked or unmasked with its own byte of the key, whatever the length, wherever it
// is cut and moved to, and nothing else changes.
func TestMask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Uint32().Draw(t, "key")
		shift := rapid.IntRange(0, 40).Draw(t, "shift")
		b := rapid.SliceOfN(rapid.Byte(), shift, 300).Draw(t, "bytes")
		masked := b[shift:]
		want := bytes.Clone(masked)
		for i := range want {
			want[i] ^= byte(key >> (i % 4 * 8))
		}
		tail := bytes.Clone(b[len(masked):])
		cut := rapid.IntRange(0, len(masked)).Draw(t, "cut")
		key = Mask(b, masked[:cut], key)
		Mask(b[cut:], masked[cut:], key)
		if !bytes.Equal(b[:len(masked)], want) {
			t.Fatalf("cut at %d: %x, want %x", cut, b[:len(masked)], want)
		}
		if !bytes.Equal(b[len(masked):], tail) {
			t.Fatalf("what is behind became %x, was %x", b[len(masked):], tail)
		}
	})
}
