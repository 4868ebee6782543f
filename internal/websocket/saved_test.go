package websocket

import (
	"bytes"
	"encoding/json"
	"testing"
)

// goOn returns the decoder with which another process goes on.
func goOn(t testing.TB, d *Decoder) Decoder {
	t.Helper()
	text, err := json.Marshal(d.Save())
	if err != nil {
		t.Fatal(err)
	}
	var s SavedDecoder
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	again, err := s.Restore(new(Spares))
	if err != nil {
		t.Fatalf("%+v: %v", *d, err)
	}
	return again
}

// A value that can't be a decoder's is refused, and one that is accepted decodes whatever
// comes.
func FuzzRestore(f *testing.F) {
	for _, text := range []string{
		`{}`,
		`{"key":1,"left":5,"header":"iYUBAgME","has_control":true,"control":"YWI="}`,
		`{"key":1,"left":5,"header":"iYUBAgME"}`,
		`{"key":1,"left":124,"header":"iYUBAgME","has_control":true,"control":"YWI="}`,
		`{"left":1,"header":"gg=="}`,
		`{"header":"gv4BAAAAAAA="}`,
		`{"before":65535}`,
		`{"header":"AAAAAAAAAAAAAAAA"}`,
		`{"header":"000000000000"}`,
		`{"control":"YWI="}`,
		`{"ended":true,"header":"gg=="}`,
		`{"fragmented":true,"before":512,"pong_due":true}`,
	} {
		f.Add([]byte(text), encode(ping("1"), binaryFrame(messages(1))))
	}
	f.Fuzz(func(t *testing.T, text, input []byte) {
		var s SavedDecoder
		var spares Spares
		if json.Unmarshal(text, &s) != nil {
			return
		}
		d, err := s.Restore(&spares)
		if err != nil {
			return
		}
		if r := d.Decode(bytes.Clone(input), &spares); r.Data < 0 || r.Data > len(input) {
			t.Errorf("%d bytes of %d", r.Data, len(input))
		}
		if b := d.AppendPong(nil, &spares); len(b) > MaxControlFrame {
			t.Errorf("a pong of %d bytes", len(b))
		}
	})
}
