package websocket

import (
	"slices"
	"strings"
	"testing"
)

// corpus adds valid and invalid frames to the seeds of a fuzz target.
func corpus(f *testing.F, add func(input []byte)) {
	one := messages(1)
	for _, frames := range [][]frame{
		{binaryFrame(one), binaryFrame(messages(2))},
		{first(one[:100]), ping("1"), middle(nil), pong("2"), last(one[100:]), binaryFrame(one)},
		{ping("1"), ping(strings.Repeat("p", 125)), ping("")},
		{binaryFrame(one), closing(1001, "going"), binaryFrame(one)},
		{closing(1000, "\xff")},
		{{opcode: OpClose}},
		{{opcode: OpClose, payload: []byte("1")}},
		{closing(1005, "")},
		{{opcode: OpText, payload: one, mask: mask}},
		{binaryFrame(one[:511])},
		{binaryFrame(nil)},
		{binaryFrame(messages(33))},
		{first(one), last(one[:1])},
		{first(one), binaryFrame(one)},
		{last(one)},
		{{opcode: OpBinary, payload: one, unmasked: true}},
		{{opcode: OpBinary, payload: one, reserved: 4}},
		{{opcode: OpBinary, payload: one[:100], length: 8}},
		{{opcode: OpPing, payload: []byte("1"), more: true}},
		{ping(strings.Repeat("p", 126))},
		{{opcode: OpClose, length: 2}},
		{{opcode: OpPing, length: 8}, binaryFrame(one)},
		{{opcode: 3}},
	} {
		add(encode(frames...))
	}
	add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
}

// Any bytes have the same result however they are cut, and the state stays bounded.
func FuzzDecode(f *testing.F) {
	corpus(f, func(input []byte) { f.Add(input, []byte{0, 3, 20}) })
	f.Fuzz(func(t *testing.T, input, lengths []byte) {
		var cuts []int
		at := 0
		for _, n := range lengths {
			if at += int(n); at > len(input) {
				break
			}
			cuts = append(cuts, at)
		}
		want := decode(t, input)
		for _, cuts := range [][]int{cuts, everywhere(len(input))} {
			if got := decode(t, input, cuts...); got != want {
				t.Errorf("cut at %v: %v\nin one piece: %v", cuts, got, want)
			}
		}
		var (
			d      Decoder
			spares Spares
		)
		r := d.Decode(slices.Clone(input), &spares)
		if r.Data < 0 || r.Data > len(input) || d.left > MaxMessage || d.before > MaxMessage {
			t.Errorf("%d bytes of %d; %+v", r.Data, len(input), d)
		}
		if (r.Close == 0) != (r.Violation == "" && !d.ended) {
			t.Errorf("%+v of %+v", r, d)
		}
		if r.Close != 0 {
			AppendClose(nil, r.Close, r.Violation)
		}
	})
}
