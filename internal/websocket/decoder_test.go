package websocket

import (
	"strings"
	"testing"
	"unsafe"

	"sop-chat/internal/wire"
)

// Clients may say it in these ways.
func TestDecode(t *testing.T) {
	one, two, most := messages(1), messages(2), messages(32)
	long := strings.Repeat("p", 125)
	for _, test := range []struct {
		what   string
		frames []frame
		want   outcome
	}{
		{"nothing", nil, outcome{idle: true}},
		{"a message", []frame{binaryFrame(one)}, outcome{data: string(one), idle: true}},
		{"two in a frame", []frame{binaryFrame(two)}, outcome{data: string(two), idle: true}},
		{"as many as a frame may have", []frame{binaryFrame(most)}, outcome{data: string(most), idle: true}},
		{"two frames", []frame{binaryFrame(one), binaryFrame(two)}, outcome{data: string(one) + string(two), idle: true}},
		{"as many in fragments", []frame{first(most[:10]), middle(most[10:9000]), last(most[9000:])}, outcome{data: string(most), idle: true}},
		{"empty fragments", []frame{first(nil), middle(nil), middle(one), last(nil)}, outcome{data: string(one), idle: true}},
		{"a fragment, and more to come", []frame{first(one)}, outcome{data: string(one)}},
		{"no message", []frame{binaryFrame(one), binaryFrame(nil), binaryFrame(one)}, outcome{data: string(one) + string(one), empty: true, idle: true}},
		{"no message in fragments", []frame{first(nil), ping(""), last(nil)}, outcome{empty: true, pongDue: "\x8a\x00", idle: true}},
		{"a mask of zeros", []frame{{opcode: OpBinary, payload: one}}, outcome{data: string(one), idle: true}},
		{"a ping", []frame{ping("are you there?")}, outcome{pongDue: "\x8a\x0eare you there?", idle: true}},
		{"an empty ping", []frame{ping("")}, outcome{pongDue: "\x8a\x00", idle: true}},
		{"a long ping", []frame{ping(long)}, outcome{pongDue: "\x8a\x7d" + long, idle: true}},
		{"many pings, of which the last is answered", []frame{ping("1"), ping(long), ping("3")}, outcome{pongDue: "\x8a\x013", idle: true}},
		{"an empty ping after another", []frame{ping("1"), ping("")}, outcome{pongDue: "\x8a\x00", idle: true}},
		{"a ping and a pong", []frame{ping("1"), pong("2")}, outcome{pong: true, pongDue: "\x8a\x011", idle: true}},
		{"a pong", []frame{pong("")}, outcome{pong: true, idle: true}},
		{"a long pong", []frame{pong(long)}, outcome{pong: true, idle: true}},
		{
			"control frames between fragments",
			[]frame{ping("1"), first(one[:100]), ping("2"), pong("3"), middle(one[100:200]), last(one[200:])},
			outcome{data: string(one), pong: true, pongDue: "\x8a\x012", idle: true},
		},
		{"a close frame", []frame{binaryFrame(one), closing(1001, "going")}, outcome{data: string(one), close: 1001}},
		{"an empty close frame", []frame{{opcode: OpClose}}, outcome{close: NoStatus}},
		{"a close frame without a reason", []frame{closing(NormalClosure, "")}, outcome{close: NormalClosure}},
		{"a long reason", []frame{closing(4999, strings.Repeat("ż", 61))}, outcome{close: 4999}},
		{"a close frame between fragments", []frame{first(one), closing(1000, "")}, outcome{data: string(one), close: 1000}},
		{"a ping before closing", []frame{ping("1"), closing(1000, "")}, outcome{close: 1000}},
		{"anything after a close frame", []frame{closing(1000, ""), ping("1"), binaryFrame(one), {opcode: 3}}, outcome{close: 1000}},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := decodeAnyhow(t, encode(test.frames...)); got != test.want {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
		})
	}
}

// Clients may not say this. What came before is as it was, what comes after is
// ignored.
func TestDecodeViolation(t *testing.T) {
	one, most := messages(1), messages(32)
	over := make([]byte, 65536)
	with := func(f frame, change func(*frame)) frame { change(&f); return f }
	for _, test := range []struct {
		what   string
		frames []frame
		want   *violation
	}{
		{"a reserved bit", []frame{with(binaryFrame(one), func(f *frame) { f.reserved = 4 })}, errReserved},
		{"another reserved bit", []frame{with(ping(""), func(f *frame) { f.reserved = 1 })}, errReserved},
		{"an unknown opcode for data", []frame{{opcode: 3}}, errOpcode},
		{"an unknown opcode for control", []frame{{opcode: 15}}, errOpcode},
		{"an unknown opcode between fragments", []frame{first(nil), {opcode: 7}}, errOpcode},
		{"no mask", []frame{with(binaryFrame(one), func(f *frame) { f.unmasked = true })}, errUnmasked},
		{"no mask of a ping", []frame{with(ping("1"), func(f *frame) { f.unmasked = true })}, errUnmasked},
		{"nothing to continue", []frame{last(one)}, errContinuation},
		{"a beginning within", []frame{first(nil), binaryFrame(one)}, errUnfinished},
		{"a text within", []frame{first(nil), {opcode: OpText}}, errUnfinished},
		{"a ping in fragments", []frame{with(ping("1"), func(f *frame) { f.more = true })}, errFragmented},
		{"a close frame in fragments", []frame{with(closing(1000, ""), func(f *frame) { f.more = true })}, errFragmented},
		{"a ping that is too long", []frame{ping(strings.Repeat("p", 126))}, errControl},
		{"a pong that is much too long", []frame{pong(string(over))}, errControl},
		{"a close frame that is too long", []frame{closing(1000, strings.Repeat("p", 124))}, errControl},
		{"a byte's length in two", []frame{{opcode: OpBinary, payload: one[:125], length: 2}}, errLength},
		{"a byte's length in eight", []frame{{opcode: OpBinary, payload: one[:125], length: 8}}, errLength},
		{"two bytes' length in eight", []frame{{opcode: OpBinary, payload: one, length: 8}}, errLength},
		{"the longest of them", []frame{{opcode: OpBinary, payload: over[1:], length: 8}}, errLength},
		{"half a code", []frame{{opcode: OpClose, payload: []byte{3}, mask: mask}}, errClose},
		{"a reason that is not UTF-8", []frame{closing(1000, "\xff")}, errReason},
		{"a reason that ends in a character", []frame{closing(1000, "\xc5")}, errReason},
		{"text", []frame{{opcode: OpText, payload: one, mask: mask}}, errKind},
		{"a part of a message", []frame{binaryFrame(one[:511])}, errKind},
		{"more than a message", []frame{binaryFrame(most[:wire.Size+1])}, errKind},
		{"a message too many", []frame{binaryFrame(over[:33*wire.Size])}, errLarge},
		{"far too many", []frame{binaryFrame(over)}, errLarge},
		{"too many, and in fragments", []frame{first(nil), middle(over[:MaxMessage+1])}, errLarge},
	} {
		t.Run(test.what, func(t *testing.T) {
			before := []frame{binaryFrame(one), ping("1"), pong("2")}
			after := []frame{closing(1000, ""), binaryFrame(one)}
			want := outcome{data: string(one), pong: true, close: test.want.status, broke: test.want.text}
			got := decodeAnyhow(t, append(encode(append(before, test.frames...)...), encode(after...)...))
			if got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// What is wrong only with a WebSocket message as a whole, or with what follows it, is
// found late. What came before was taken by then.
func TestDecodeViolationLater(t *testing.T) {
	one, most := messages(1), messages(32)
	for _, test := range []struct {
		what   string
		frames []frame
		data   []byte
		want   *violation
	}{
		{"a part of a message", []frame{first(one), last(one[:1])}, one, errKind},
		{"a message that has not ended", []frame{first(one[:500]), last(nil)}, one[:500], errKind},
		{"nothing left to continue", []frame{first(nil), last(one), last(one)}, one, errContinuation},
		{"a byte too many", []frame{first(most), last(one[:1])}, most, errLarge},
	} {
		want := outcome{data: string(test.data), close: test.want.status, broke: test.want.text}
		if got := decodeAnyhow(t, encode(test.frames...)); got != want {
			t.Errorf("%s: got  %v\nwant %v", test.what, got, want)
		}
	}
}

// A length of 64 bits is one of 63 (section 5.2).
func TestDecodeHugeLength(t *testing.T) {
	for input, want := range map[string]*violation{
		"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00": errLengthBits,
		"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff": errLengthBits,
		"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff": errLarge,
		"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00": errLarge,
		"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff": errLength,
	} {
		if got := decodeAnyhow(t, []byte(input)); got != (outcome{close: want.status, broke: want.text}) {
			t.Errorf("%x: got %+v, want %+v", input, got, want)
		}
	}
}

// A frame that is not right is known as soon as the byte has come that makes it so.
func TestDecodeViolationAtOnce(t *testing.T) {
	for input, want := range map[string]*violation{
		"\xc2":             errReserved,
		"\x83":             errOpcode,
		"\x80":             errContinuation,
		"\x81":             errKind,
		"\x09":             errFragmented,
		"\x82\x00":         errUnmasked,
		"\x89\xfe":         errControl,
		"\x89\xff":         errControl,
		"\x82\x80\x00":     nil,
		"\x82\xfe\x02\x00": nil,
	} {
		want := want
		if want == nil {
			want = new(violation)
		}
		if got := decodeAnyhow(t, []byte(input)); got != (outcome{close: want.status, broke: want.text}) {
			t.Errorf("%x: got %+v, want %+v", input, got, want)
		}
	}
}

// The codes that a client may close with.
func TestDecodeStatus(t *testing.T) {
	valid := func(s int) bool { return s >= 1000 && s <= 1014 && (s < 1004 || s > 1006) || s >= 3000 && s <= 4999 }
	for s := range 1 << 16 {
		want := outcome{close: Status(s)}
		if !valid(s) {
			want = outcome{close: errStatus.status, broke: errStatus.text}
		}
		if got := decode(t, encode(closing(Status(s), ""))); got != want {
			t.Errorf("%d: got %+v, want %+v", s, got, want)
		}
	}
}

// A ping that has come in part replaces one that is not answered, and so does the
// next one in the end.
func TestDecodePingWhileOneIsDue(t *testing.T) {
	var (
		d      Decoder
		spares Spares
	)
	d.Decode(encode(ping("first")), &spares)
	second := encode(ping("second"))
	d.Decode(second[:10], &spares)
	if got := d.AppendPong(nil, &spares); len(got) > 0 {
		t.Errorf("the pong is %q while the next ping is incomplete", got)
	}
	d.Decode(second[10:], &spares)
	if got := string(d.AppendPong(nil, &spares)); got != "\x8a\x06second" {
		t.Errorf("the pong is %q", got)
	}
	if d != (Decoder{}) {
		t.Errorf("%+v is left", d)
	}
}

// Every violation can be said in a close frame, and in plain words.
func TestViolations(t *testing.T) {
	for _, v := range []*violation{
		errReserved, errOpcode, errLength, errLengthBits, errUnmasked, errContinuation, errUnfinished, errFragmented,
		errControl, errClose, errStatus, errReason, errKind, errLarge,
	} {
		if b := AppendClose(nil, v.status, v.text); len(b) > MaxControlFrame {
			t.Errorf("%s: a close frame of %d bytes", v.text, len(b))
		}
	}
}

// An idle client costs little, and what comes and goes allocates nothing.
func TestMemory(t *testing.T) {
	if size := unsafe.Sizeof(Decoder{}); size > 32 {
		t.Errorf("a decoder takes %d bytes", size)
	}
	input := encode(
		binaryFrame(messages(3)), ping("1"), pong("2"), first(messages(1)), ping(strings.Repeat("p", 125)), last(nil),
	)
	goodbye := encode(ping("1"), closing(1000, "goodbye"))
	b := make([]byte, len(input))
	var (
		spares Spares
		out    [MaxControlFrame]byte
		header [MaxHeader]byte
	)
	if n := testing.AllocsPerRun(100, func() {
		var d Decoder
		for _, input := range [][]byte{input, goodbye} {
			copy(b, input)
			for cut := 0; cut < len(input); cut += 100 {
				r := d.Decode(b[cut:min(cut+100, len(input))], &spares)
				if r.Close != 0 {
					AppendClose(out[:0], r.Close, r.Violation)
				}
			}
			d.AppendPong(out[:0], &spares)
		}
		AppendPing(out[:0])
		AppendHeader(header[:0], 1<<20)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(spares.free) != 1 {
		t.Errorf("%d buffers are left of one client", len(spares.free))
	}
}

// A buffer is given back as soon as it is not needed, and is one client's at a time.
func TestSparesAreGivenBack(t *testing.T) {
	var (
		alice, bob Decoder
		spares     Spares
	)
	alice.Decode(encode(ping("1"), ping("")), &spares)
	if n := len(spares.free); n != 1 {
		t.Errorf("%d buffers were given back for an empty ping", n)
	}
	bob.Decode(encode(ping("2")), &spares)
	if got := string(alice.AppendPong(nil, &spares)); got != "\x8a\x00" {
		t.Errorf("alice's pong is %q", got)
	}
	if got := string(bob.AppendPong(nil, &spares)); got != "\x8a\x012" {
		t.Errorf("bob's pong is %q", got)
	}
	bob.Decode(encode(ping("3"), closing(1000, "bye")), &spares)
	if n := len(spares.free); n != 1 {
		t.Errorf("%d buffers are left of two clients that took turns", n)
	}
}

// However many clients there were, few buffers are kept.
func TestSparesAreBounded(t *testing.T) {
	var spares Spares
	decoders := make([]Decoder, 1000)
	for i := range decoders {
		decoders[i].Decode(encode(ping("1")), &spares)
	}
	for i := range decoders {
		if got := string(decoders[i].AppendPong(nil, &spares)); got != "\x8a\x011" {
			t.Fatalf("the pong is %q", got)
		}
	}
	if n := len(spares.free); n > 64 {
		t.Errorf("%d buffers are kept", n)
	}
}
