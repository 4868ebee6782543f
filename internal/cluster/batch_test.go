package cluster

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// Whatever messages are packed come out as they were, with their senders.
func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := batch{
			kind: kindBatch, counter: rapid.Uint64Min(1).Draw(t, "counter"), count: rapid.IntRange(1, 20).Draw(t, "count"),
			fact: fact{rapid.Uint64Min(1).Draw(t, "seen"), rapid.Uint64().Draw(t, "number")},
		}
		if rapid.Bool().Draw(t, "founds") {
			in.fact, in.hint = fact{}, rapid.Uint64().Draw(t, "hint")
		}
		copy(in.instance[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "instance"))
		data := appendHeader(nil, &in)
		senders, names, messages := make([]uint64, in.count), make([]string, in.count), make([]wire.Message, in.count)
		for i := range in.count {
			senders[i] = rapid.Uint64().Draw(t, "sender")
			copy(messages[i][:], rapid.SliceOfN(rapid.ByteRange(0, 3), 0, wire.NameSize).Draw(t, "name"))
			copy(messages[i][wire.NameSize:], rapid.SliceOfN(rapid.ByteRange(0, 3), 0, wire.TextSize).Draw(t, "text"))
			names[i] = string(messages[i].TrimmedName())
			if rapid.Bool().Draw(t, "has another name") {
				names[i] = string(rapid.SliceOfN(rapid.ByteRange(0, 3), 0, wire.NameSize).Draw(t, "joined with"))
			}
			data = appendMessage(data, senders[i], names[i], &messages[i])
		}
		out, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		rest := out.packed
		for i := range in.count {
			var m wire.Message
			m[0] = 7 // what was there before does not matter
			from, r, err := cutMessage(rest, m[:])
			name := string(from.name)
			if from.name == nil {
				name = string(m.TrimmedName())
			}
			if rest = r; err != nil || from.id != senders[i] || name != names[i] || m != messages[i] {
				t.Fatalf("message %d is %q of %d, %q, %v, and was %q of %d, %q", i, m, from.id, name, err, messages[i], senders[i], names[i])
			}
		}
		in.packed = out.packed
		if out.kind != in.kind || out.instance != in.instance || out.counter != in.counter || out.fact != in.fact || out.hint != in.hint || out.count != in.count {
			t.Fatalf("%+v, want %+v", out, in)
		}
	})
}

// As many of the longest messages as there may be fit.
func TestBatchOfLongest(t *testing.T) {
	b := batch{kind: kindBatch, counter: ^uint64(0), fact: fact{^uint64(0), ^uint64(0)}, count: maxMessages}
	m := wire.Message(bytes.Repeat([]byte{255}, wire.Size))
	data := appendHeader(nil, &b)
	for range maxMessages {
		data = appendMessage(data, ^uint64(0), strings.Repeat("x", wire.NameSize), &m)
	}
	if _, err := parse(data); err != nil || len(data) > MaxBatch {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if maxMessages < 1700 || maxMessages >= numbersPerSequence {
		t.Errorf("a batch has %d messages at most", maxMessages)
	}
}

// Of data of a later version's kind it is known up to which number a room was counted, and nothing else.
func TestLaterKind(t *testing.T) {
	data := append(appendHeader(nil, &batch{kind: kindEnd, counter: 3, fact: fact{300, 70}, count: 5}), "whatever"...)
	b, err := parse(data)
	if err != nil || b.fact != (fact{300, 70}) || b.count+len(b.packed)+int(b.counter) > 0 {
		t.Errorf("%+v, %v", b, err)
	}
}

// The name with which a sender joined has one form, and fits.
func TestJoinedWith(t *testing.T) {
	m, _ := wire.New("alice", "hello")
	message := appendMessage(nil, 7, "alice", &m)
	for name, joined := range map[string]string{
		"as the message says": "alice",
		"too long":            strings.Repeat("x", wire.NameSize+1),
	} {
		data := append([]byte{7, byte(joinedWith + len(joined))}, joined...)
		if len(joined) > 127-joinedWith {
			data = append([]byte{7, byte(joinedWith+len(joined)) | 0x80, 1}, joined...)
		}
		if from, _, err := cutMessage(append(data, message[1:]...), nil); err == nil {
			t.Errorf("%s: %q is accepted", name, from.name)
		}
	}
	if _, _, err := cutMessage(append([]byte{7, joinedWith + 20}, message[1:]...), nil); err == nil {
		t.Error("a name that ends early is accepted")
	}
}

// Whatever bytes are in the stream, they are a batch, of which the same bytes are made, or an
// error.
func FuzzParse(f *testing.F) {
	m, _ := wire.New("alice", "hello")
	good := appendMessage(appendHeader(nil, &batch{kind: kindBatch, counter: 1, fact: fact{300, 1}, count: 1}), 7, "alice", &m)
	claimed := appendMessage(appendHeader(nil, &batch{kind: kindBatch, counter: 1, fact: fact{300, 1}, count: 1}), 7, "eve", &m)
	f.Add(claimed)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), 0))
	f.Add(appendHeader(nil, &batch{kind: kindOwn}))
	f.Add(appendHeader(nil, &batch{kind: kindOwn, count: 1}))
	f.Add(append(appendHeader(nil, &batch{kind: kindEnd, fact: fact{300, 1}}), "later"...))
	f.Add(appendRecall(nil, &batch{nonce: 9, fact: fact{300, 1}, clients: []uint64{7, 1 << 63}}))
	f.Add(appendRecall(nil, &batch{nonce: 9}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parse(data)
		if err != nil {
			return
		}
		if b.kind >= kindEnd {
			return // nobody makes it
		}
		again := appendHeader(nil, &b)
		if b.kind == kindRecall {
			again = appendRecall(nil, &b)
		}
		for rest := b.packed; len(rest) > 0; {
			var m wire.Message
			from, r, err := cutMessage(rest, m[:])
			if err != nil {
				t.Fatal(err)
			}
			rest = r
			name := from.name
			if name == nil {
				name = m.TrimmedName()
			}
			again = appendMessage(again, from.id, string(name), &m)
		}
		if !bytes.Equal(again, data) {
			t.Fatalf("%x was parsed, and is %x", data, again)
		}
	})
}
