package wire

import (
	"bytes"
	"strings"
	"testing"
)

// Fields end at the first zero byte, or are full.
func TestFields(t *testing.T) {
	for _, test := range []struct{ what, name, text string }{
		{"ordinary", "alice", "hello"},
		{"empty", "", ""},
		{"blanks are kept", " alice ", " hello "},
		{"full", strings.Repeat("n", NameSize), strings.Repeat("t", TextSize)},
		{"not ASCII", "żółw", "łódź\r\n"},
	} {
		t.Run(test.what, func(t *testing.T) {
			m, err := New(test.name, test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(m.Name()); got != test.name {
				t.Errorf("Name() = %q, want %q", got, test.name)
			}
			if got := string(m.Text()); got != test.text {
				t.Errorf("Text() = %q, want %q", got, test.text)
			}
		})
	}
}

// New refuses fields of which a reader would see only a part.
func TestNewRefuses(t *testing.T) {
	for _, test := range []struct{ what, name, text, want string }{
		{"long name", strings.Repeat("n", NameSize+1), "", "65 bytes long; at most 64"},
		{"long text", "", strings.Repeat("t", TextSize+1), "449 bytes long; at most 448"},
		{"zero in name", "a\x00b", "", "zero byte at position 1"},
		{"zero in text", "", "ab\x00", "zero byte at position 2"},
	} {
		t.Run(test.what, func(t *testing.T) {
			if _, err := New(test.name, test.text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// A key is the bytes up to the first zero, and equal only to the same bytes.
func TestHasKey(t *testing.T) {
	full := strings.Repeat("k", TextSize)
	for _, test := range []struct {
		given, key string
		want       bool
	}{
		{"key", "key", true},
		{"", "", true},
		{full, full, true},
		{"key\x00garbage", "key", true},
		{"\x00key", "", true},
		{"ke", "key", false},
		{"keyy", "key", false},
		{"KEY", "key", false},
		{"key ", "key", false},
		{" key", "key", false},
		{"", "key", false},
		{"key", "", false},
		{"\x00key", "key", false},
		{full, full + "k", false},
		{full[1:], full, false},
		{"ke\x00y", "ke\x00y", false},
	} {
		var m Message
		copy(m[NameSize:], test.given)
		if got := m.HasKey(test.key); got != test.want {
			t.Errorf("a message with key %.10q: HasKey(%.10q) = %v, want %v", test.given, test.key, got, test.want)
		}
	}
}

// SetNames sets the names of all whole messages, and nothing else.
func TestSetNames(t *testing.T) {
	for _, name := range []string{"", "alice", strings.Repeat("n", NameSize), strings.Repeat("n", NameSize+1)} {
		const messages = 3
		b := bytes.Repeat([]byte{0xff}, messages*Size+100)
		var want []byte
		for range messages {
			var field [NameSize]byte
			copy(field[:], name)
			want = append(append(want, field[:]...), bytes.Repeat([]byte{0xff}, TextSize)...)
		}
		want = append(want, bytes.Repeat([]byte{0xff}, 100)...)
		if SetNames(b, name); !bytes.Equal(b, want) {
			t.Errorf("%q: got %q", name, b)
		}
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 0, 511: 0, 512: 512, 513: 512, 1023: 512, 1024: 1024} {
		if got := Whole(n); got != want {
			t.Errorf("Whole(%d) = %d, want %d", n, got, want)
		}
	}
}

// In any 512 bytes, the fields are parts of the message without a zero in them, and
// a message built from them has the same fields.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("alice"), []byte("hello"))
	f.Add(bytes.Repeat([]byte{0}, NameSize), bytes.Repeat([]byte{0xff}, TextSize))
	f.Add([]byte("a\x00b"), []byte("\x00"))
	f.Fuzz(func(t *testing.T, name, text []byte) {
		var m Message
		copy(m[:NameSize], name)
		copy(m[NameSize:], text)
		again, err := New(string(m.Name()), string(m.Text()))
		if err != nil {
			t.Fatalf("New refuses the fields of a message: %v", err)
		}
		if !bytes.Equal(again.Name(), m.Name()) || !bytes.Equal(again.Text(), m.Text()) {
			t.Fatalf("fields changed: %q %q, then %q %q", m.Name(), m.Text(), again.Name(), again.Text())
		}
		if !bytes.HasPrefix(m[:], m.Name()) || bytes.IndexByte(m.Name(), 0) >= 0 || bytes.IndexByte(m.Text(), 0) >= 0 {
			t.Fatalf("fields reach past a zero: %q %q", m.Name(), m.Text())
		}
		if !m.HasKey(string(m.Text())) {
			t.Fatalf("a message does not have the key it carries: %q", m.Text())
		}
		if m.HasKey(string(m.Text()) + "x") {
			t.Fatalf("a message has a key that is longer than what it carries: %q", m.Text())
		}
	})
}
