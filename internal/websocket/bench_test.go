package websocket

import (
	"fmt"
	"testing"
)

// The cost of unmasking, in place and while it is moved to the front.
func BenchmarkMask(b *testing.B) {
	for _, size := range []int{16, 512, 16 << 10, 64 << 10} {
		for _, shift := range []int{0, 8} {
			b.Run(fmt.Sprintf("%d/shift=%d", size, shift), func(b *testing.B) {
				buffer := make([]byte, size+shift)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					Mask(buffer, buffer[shift:], 0x3d21fa37)
				}
			})
		}
	}
}

// The cost of what a loop reads at once: a message a frame as pages send, as many as
// a frame may have, and pings.
func BenchmarkDecode(b *testing.B) {
	for _, bench := range []struct {
		name   string
		frame  frame
		frames int
	}{
		{"one message", binaryFrame(messages(1)), 1},
		{"64 KiB of single messages", binaryFrame(messages(1)), 64 << 10 / 520},
		{"64 KiB in frames of 32", binaryFrame(messages(32)), 3},
		{"ping", ping("are you there?"), 1},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var input []byte
			for range bench.frames {
				input = append(input, bench.frame.encode()...)
			}
			var (
				buffer = make([]byte, len(input))
				spares Spares
				out    [MaxControlFrame]byte
			)
			b.SetBytes(int64(len(input)))
			b.ReportAllocs()
			for b.Loop() {
				var d Decoder
				copy(buffer, input)
				d.Decode(buffer, &spares)
				d.AppendPong(out[:0], &spares)
			}
		})
	}
}
