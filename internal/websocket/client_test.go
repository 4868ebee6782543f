package websocket

import (
	"bytes"
	"testing"
)

// A client's frame is that of RFC 6455, section 5.7.
func TestAppendMasked(t *testing.T) {
	want := []byte{0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}
	if got := AppendMasked(nil, OpBinary, []byte("Hello"), 0x3d21fa37); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	for _, n := range []int{0, 125, 126, 127, 512, 65535, 65536} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i)
		}
		masked := AppendMasked(nil, OpBinary, b, 0x01020304)
		payload := masked[len(masked)-n:]
		for i := range payload {
			if payload[i] != b[i]^"\x04\x03\x02\x01"[i%4] {
				t.Fatalf("byte %d of %d is masked wrongly", i, n)
			}
		}
	}
}
