package keys

import (
	"net/netip"
	"sync"
	"testing"
)

// What one check takes, of a key that is wrong.
func BenchmarkCheck(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if matches("guess", nobody) {
			b.Fatal("the guess is right")
		}
	}
}

// A key that is known to be right.
func BenchmarkKnown(b *testing.B) {
	hash, err := Hash("secret")
	if err != nil {
		b.Fatal(err)
	}
	k := NewChecker(Config{})
	defer k.Close()
	k.SetLines([]Line{{"alice", "main", hash}})
	var waiting sync.WaitGroup
	waiting.Add(1)
	k.Check("alice:secret", netip.Prefix{}, func(Answer) { waiting.Done() })
	waiting.Wait()
	b.ReportAllocs()
	for b.Loop() {
		if _, atOnce := k.Check("alice:secret", netip.Prefix{}, nil); !atOnce {
			b.Fatal("it is not known")
		}
	}
}
