package wire

import (
	"bytes"
	"strings"
	"testing"
)

// longest returns a message whose fields are full; its name begins with a space.
func longest(t testing.TB) Message {
	t.Helper()
	m, err := New(" "+strings.Repeat("n", NameSize-1), strings.Repeat("t", TextSize))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Reading a message allocates nothing.
func TestReadingAllocatesNothing(t *testing.T) {
	m := longest(t)
	if n := testing.AllocsPerRun(100, func() {
		m.Name()
		m.TrimmedName()
		m.Text()
		m.HasKey("key")
		SetNames(m[:], "somebody")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The cost of finding the fields of a message, of checking a key, and of setting a name.
func BenchmarkMessage(b *testing.B) {
	m := longest(b)
	b.Run("fields", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.TrimmedName()
			m.Text()
		}
	})
	b.Run("names", func(b *testing.B) {
		messages := bytes.Repeat(m[:], 128)
		b.ReportAllocs()
		for b.Loop() {
			SetNames(messages, "somebody")
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*128), "ns/message")
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.HasKey("key")
		}
	})
}
