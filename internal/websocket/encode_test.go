package websocket

import (
	"strings"
	"testing"
)

// Headers take the fewest bytes, and are not masked.
func TestAppendHeader(t *testing.T) {
	for n, want := range map[int]string{
		0:       "\x82\x00",
		1:       "\x82\x01",
		125:     "\x82\x7d",
		126:     "\x82\x7e\x00\x7e",
		512:     "\x82\x7e\x02\x00",
		65535:   "\x82\x7e\xff\xff",
		65536:   "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
		1 << 30: "\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00",
	} {
		got := string(AppendHeader([]byte("before"), n))
		if got != "before"+want {
			t.Errorf("%d: %x, want %x", n, got, "before"+want)
		}
		if len(want) > MaxHeader {
			t.Errorf("%d: a header of %d bytes", n, len(want))
		}
	}
}

// Control frames are what the RFC says.
func TestAppendControl(t *testing.T) {
	longest := strings.Repeat("r", 123)
	for _, test := range []struct{ got, want string }{
		{string(AppendPing([]byte("before"))), "before\x89\x00"},
		{string(AppendClose([]byte("before"), NormalClosure, "")), "before\x88\x02\x03\xe8"},
		{string(AppendClose(nil, MessageTooBig, "why")), "\x88\x05\x03\xf1why"},
		{string(AppendClose(nil, 4999, longest)), "\x88\x7d\x13\x87" + longest},
		{string(AppendClose(nil, NoStatus, "")), "\x88\x00"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
		if n := len(strings.TrimPrefix(test.got, "before")); n > MaxControlFrame {
			t.Errorf("%q has %d bytes", test.got, n)
		}
	}
}

// A close frame that must not be sent is a mistake of the program.
func TestAppendClosePanics(t *testing.T) {
	for _, test := range []struct {
		status Status
		reason string
	}{
		{0, ""}, {NoStatus, "why"}, {1006, ""}, {1015, ""}, {NormalClosure, strings.Repeat("r", 124)},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d, %q: no panic", test.status, test.reason)
				}
			}()
			AppendClose(nil, test.status, test.reason)
		}()
	}
}
