package keys

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// patience is how long a test waits for what must happen before it fails.
const patience = 30 * time.Second

// plainMatches takes a secret for its hash.
func plainMatches(secret, hash string) bool { return secret == hash }

// ask has a key checked, and waits for the answer.
func ask(t testing.TB, k *Checker, key string) Answer {
	t.Helper()
	answers := make(chan Answer, 1)
	a, atOnce := k.Check(key, netip.Prefix{}, func(a Answer) { answers <- a })
	if atOnce {
		return a
	}
	select {
	case a = <-answers:
	case <-time.After(patience):
		t.Fatal("there is no answer")
	}
	return a
}

// Only the key of a line that is in force is right.
func TestChecker(t *testing.T) {
	k := newChecker(Config{Workers: 2, Waiting: 4}, plainMatches)
	defer k.Close()
	alice, bob := Line{"alice", "main", "a"}, Line{"bob", "maths", "b"}
	expect := func(key string, want Answer) {
		t.Helper()
		if got := ask(t, k, key); got != want {
			t.Errorf("%q: %+v, want %+v", key, got, want)
		}
	}
	expect("alice:a", Answer{})
	k.SetLines([]Line{alice, bob})
	for range 2 { // the second time it is known
		expect("alice:a", Answer{Right, alice})
		expect("bob:b", Answer{Right, bob})
		for _, wrong := range []string{"alice:b", "alice:", "bob:a", "carol:a", "carol:b", "Alice:a", "alice", "", ":a", "alice:a ", "alice: a"} {
			expect(wrong, Answer{})
		}
	}
	moved := Line{"alice", "maths", "a"}
	k.SetLines([]Line{moved})
	if k.InForce(alice) || k.InForce(bob) || !k.InForce(moved) {
		t.Error("a line is in force that was replaced")
	}
	expect("alice:a", Answer{Right, moved})
	expect("bob:b", Answer{})
	k.SetLines([]Line{{"alice", "maths", "changed"}})
	expect("alice:a", Answer{})
	expect("alice:changed", Answer{Right, Line{"alice", "maths", "changed"}})
}

// A key that was right is not checked again, as long as its line is the same; any other
// key is, and an unknown label is as much work as a known one.
func TestCheckerWork(t *testing.T) {
	var checks atomic.Int64
	k := newChecker(Config{}, func(secret, hash string) bool { checks.Add(1); return secret == hash })
	defer k.Close()
	for i, step := range []struct {
		lines []Line // new ones, unless it is nil
		key   string
		want  int64
	}{
		{nil, "alice:a", 1}, // there are no lines
		{[]Line{{"alice", "main", "a"}, {"bob", "main", "b"}}, "alice:a", 2},
		{nil, "alice:a", 2},
		{nil, "alice:b", 3},
		{nil, "nobody:a", 4},
		{nil, "nobody:b", 5}, // the same hash as of any other
		{nil, "alice:a", 5},
		{[]Line{{"alice", "main", "a"}}, "alice:a", 5}, // its line is the same
		{[]Line{{"alice", "maths", "a"}}, "alice:a", 6},
		{nil, "alice", 6},
	} {
		if step.lines != nil {
			k.SetLines(step.lines)
		}
		ask(t, k, step.key)
		if got := checks.Load(); got != step.want {
			t.Fatalf("step %d: %d checks, want %d", i, got, step.want)
		}
	}
	if len(k.known) != 1 {
		t.Errorf("%d keys are known", len(k.known))
	}
}

// A line that is replaced while a key is checked against it does not make the key known.
func TestReplacedMeanwhile(t *testing.T) {
	var k *Checker
	k = newChecker(Config{}, func(secret, hash string) bool {
		if hash == "a" {
			k.SetLines(nil)
		}
		return secret == hash
	})
	defer k.Close()
	alice := Line{"alice", "main", "a"}
	k.SetLines([]Line{alice})
	if a := ask(t, k, "alice:a"); a.Verdict == Right && k.InForce(a.Line) {
		t.Errorf("%+v is in force", a)
	}
	if a := ask(t, k, "alice:a"); a.Verdict != Wrong {
		t.Errorf("got %+v", a)
	}
}

// No more keys are checked at a time than there are workers; what waits beyond the bound
// is answered at once, and what waits when the checker is closed then.
func TestCheckerBounds(t *testing.T) {
	const workers, waiting, asked = 3, 5, 20
	goOn := make(chan struct{})
	var busy, peak atomic.Int64
	k := newChecker(Config{workers, waiting}, func(secret, hash string) bool {
		peak.Store(max(peak.Load(), busy.Add(1)))
		<-goOn
		busy.Add(-1)
		return false
	})
	answers := make(chan Answer, asked)
	ask := func() {
		if _, atOnce := k.Check("alice:guess", sources[0], func(a Answer) { answers <- a }); atOnce {
			t.Error("it is answered at once")
		}
	}
	deadline := time.Now().Add(patience)
	for range workers { // each takes one
		ask()
	}
	for busy.Load() < workers {
		if time.Now().After(deadline) {
			t.Fatal("not all workers work")
		}
		time.Sleep(time.Millisecond)
	}
	for range asked - workers {
		ask()
	}
	for range asked - workers - waiting {
		if a := <-answers; a.Verdict != Unchecked {
			t.Errorf("beyond the bound the answer is %+v", a)
		}
	}
	closed := make(chan struct{})
	go func() { k.Close(); close(closed) }()
	for range waiting {
		if a := <-answers; a.Verdict != Unchecked {
			t.Errorf("when it is closed the answer is %+v", a)
		}
	}
	close(goOn)
	<-closed
	for range workers {
		if a := <-answers; a.Verdict != Wrong {
			t.Errorf("what was being checked is answered %+v", a)
		}
	}
	if peak.Load() != workers {
		t.Errorf("%d were checked at a time, with %d workers", peak.Load(), workers)
	}
	if a, atOnce := k.Check("alice:guess", sources[0], nil); !atOnce || a.Verdict != Unchecked {
		t.Errorf("a closed checker answers %+v", a)
	}
}

// A member that comes back is let in at once while others guess, and one that has not
// been in waits for one guess of each of them at most.
func TestCheckerIsFair(t *testing.T) {
	turn, checked := make(chan struct{}), make(chan string, 100)
	k := newChecker(Config{Waiting: 50}, func(secret, hash string) bool {
		<-turn
		checked <- secret
		return secret == hash
	})
	k.SetLines([]Line{{"alice", "main", "a"}, {"bob", "main", "b"}})
	ignore := func(Answer) {}
	k.Check("alice:a", sources[0], ignore)
	turn <- struct{}{}
	<-checked
	for i := range 200 {
		k.Check(fmt.Sprint("bob:guess ", i), sources[1+i%2], ignore)
	}
	k.Check("bob:b", sources[3], ignore)
	before := 0
	for secret := ""; secret != "b"; before++ {
		turn <- struct{}{}
		secret = <-checked
	}
	if before > 5 { // with the guess that was being checked
		t.Errorf("it waited for %d guesses", before)
	}
	deadline := time.Now().Add(patience)
	for _, atOnce := k.Check("alice:a", sources[0], ignore); !atOnce; _, atOnce = k.Check("alice:a", sources[0], ignore) {
		if time.Now().After(deadline) {
			t.Fatal("a key that was right is checked again")
		}
	}
	close(turn)
	k.Close()
}

// Whatever lines replace others while many ask, each question has one answer, right or
// wrong as one of the sets of lines says that were in force meanwhile.
func TestCheckerProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sets := rapid.SliceOfN(rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Line {
			return Line{rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "label"), "main", rapid.SampledFrom([]string{"1", "2"}).Draw(t, "hash")}
		}), 0, 3, func(l Line) string { return l.Label }), 1, 4).Draw(t, "sets")
		seed := rapid.Uint64().Draw(t, "seed")
		k := newChecker(Config{Workers: 2, Waiting: rapid.IntRange(1, 20).Draw(t, "waiting")}, plainMatches)
		k.SetLines(sets[0])
		var asking, answered sync.WaitGroup
		for i := range 3 {
			asking.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				for range 20 {
					key := string("abcd"[rng.IntN(4)]) + ":" + string("123"[rng.IntN(3)])
					answered.Add(1)
					var once atomic.Bool
					check := func(a Answer) {
						if once.Swap(true) {
							panic("answered twice")
						}
						label, secret, _ := strings.Cut(key, ":")
						if a.Verdict == Right && (a.Line.Label != label || a.Line.Hash != secret) {
							panic(fmt.Sprintf("%s is right for %+v", key, a.Line))
						}
						possible := false
						for _, set := range sets {
							isRight := false
							for _, line := range set {
								isRight = isRight || line.Label == label && line.Hash == secret
							}
							possible = possible || isRight == (a.Verdict == Right)
						}
						if !possible && a.Verdict != Unchecked {
							panic(fmt.Sprintf("%s is answered %+v", key, a))
						}
						answered.Done()
					}
					if a, atOnce := k.Check(key, sources[i], check); atOnce {
						check(a)
					}
				}
			})
		}
		for _, lines := range sets {
			k.SetLines(lines)
		}
		asking.Wait()
		k.Close()
		answered.Wait()
	})
}
