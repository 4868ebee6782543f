package bench

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// serverFrame returns a frame as a server sends it.
func serverFrame(first byte, payload []byte) []byte {
	b := websocket.AppendMasked(nil, first&0x0f, payload, 0)
	b[0] = first
	b[1] &^= websocket.BitMasked
	header := len(b) - len(payload) - 4
	return slices.Delete(b, header, header+4) // the key
}

// Frames of any length and kind are read the same wherever the stream is cut.
func TestFrameReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream, want []byte
		var wantControl [][]byte
		control := func() {
			payload := bytes.Repeat([]byte{'p'}, rapid.IntRange(0, websocket.MaxControl).Draw(t, "control"))
			wantControl = append(wantControl, payload)
			stream = append(stream, serverFrame(websocket.BitFinal|websocket.OpPing, payload)...)
		}
		for range rapid.IntRange(1, 4).Draw(t, "messages") {
			parts := rapid.IntRange(1, 3).Draw(t, "parts")
			for part := range parts {
				n := rapid.SampledFrom([]int{0, 1, 125, 126, 127, 512, 65535, 65536}).Draw(t, "length")
				payload := bytes.Repeat([]byte{byte('a' + part)}, n)
				first := byte(websocket.OpBinary)
				if part > 0 {
					first = websocket.OpContinuation
				}
				if part == parts-1 {
					first |= websocket.BitFinal
				}
				stream = append(stream, serverFrame(first, payload)...)
				want = append(want, payload...)
				if rapid.Bool().Draw(t, "ping") {
					control()
				}
			}
		}
		r := frameReader{unit: 1}
		var got []byte
		var gotControl [][]byte
		cut := rapid.SampledFrom([]int{1, 2, 3, 5, 9, 11, 100, 700, 70_000}).Draw(t, "cut")
		for piece := range slices.Chunk(stream, cut) {
			for len(piece) > 0 {
				opcode, payload, rest, err := r.next(piece)
				if err != nil {
					t.Fatal(err)
				}
				switch opcode {
				case websocket.OpBinary:
					got = append(got, payload...)
				case websocket.OpPing:
					gotControl = append(gotControl, bytes.Clone(payload))
				}
				piece = rest
			}
		}
		if !bytes.Equal(got, want) || !slices.EqualFunc(gotControl, wantControl, bytes.Equal) {
			t.Fatalf("in pieces of %d bytes: %d bytes and %d pings, want %d and %d",
				cut, len(got), len(gotControl), len(want), len(wantControl))
		}
	})
}

// What a server may not send is named.
func TestWrongFrames(t *testing.T) {
	message := make([]byte, wire.Size)
	for _, test := range []struct {
		what   string
		stream []byte
		want   string
	}{
		{"masked", websocket.AppendMasked(nil, websocket.OpBinary, message, 1), "the server masks its frames"},
		{"text", serverFrame(websocket.BitFinal|websocket.OpText, message), "a frame is text"},
		{"compressed", serverFrame(websocket.BitFinal|0x40|websocket.OpBinary, message), "begins with 0xc2, which has bits of an extension"},
		{"unknown", serverFrame(websocket.BitFinal|0x3, message), "opcode 0x3, which there is not"},
		{"half a message", serverFrame(websocket.BitFinal|websocket.OpBinary, message[:100]), "has 100 bytes, which is not a multiple of 512"},
		{
			"half a message in parts", slices.Concat(serverFrame(websocket.OpBinary, message), serverFrame(websocket.BitFinal|websocket.OpContinuation, message[:1])),
			"has 513 bytes",
		},
		{"continued", serverFrame(websocket.BitFinal|websocket.OpContinuation, message), "continues a message that has not begun"},
		{
			"continued after its end", slices.Concat(serverFrame(websocket.BitFinal|websocket.OpBinary, message), serverFrame(websocket.BitFinal|websocket.OpContinuation, message)),
			"continues a message that has not begun",
		},
		{"within another", slices.Concat(serverFrame(websocket.OpBinary, message), serverFrame(websocket.BitFinal|websocket.OpBinary, message)), "begins within another"},
		{"long ping", serverFrame(websocket.BitFinal|websocket.OpPing, message[:126]), "a control frame of 126 bytes is too long"},
		{"ping in parts", serverFrame(websocket.OpPing, nil), "too long, or in parts"},
		{"endless", []byte{websocket.BitFinal | websocket.OpBinary, websocket.Length64, 0x80, 0, 0, 0, 0, 0, 0, 0}, "9223372036854775808 bytes long"},
	} {
		for _, cut := range []int{1, 7, len(test.stream)} {
			r := frameReader{unit: wire.Size}
			var err error
			for piece := range slices.Chunk(test.stream, cut) {
				for len(piece) > 0 && err == nil {
					_, _, piece, err = r.next(piece)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, in pieces of %d bytes: got %v; want %q", test.what, cut, err, test.want)
			}
		}
	}
}
