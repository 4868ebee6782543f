package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"
)

// An Answer is what came of checking a key.
type Answer struct {
	Verdict Verdict
	Line    Line // whose key it is, if it is right
}

// A Verdict says what a key is.
type Verdict uint8

const (
	// Wrong is a key of no line.
	Wrong Verdict = iota
	// Right is the key of a line.
	Right
	// Unchecked is a key that was not checked, because too many others wait.
	Unchecked
)

// A Config bounds what a Checker does at a time.
type Config struct {
	// Workers is how many keys are checked at a time, at least 1. Each takes a core,
	// and 19 MiB if its hash is like those of Hash.
	Workers int
	// Waiting is how many more may wait.
	Waiting int
}

// A Checker checks keys against lines that may be replaced at any time. Any goroutine may
// call its methods.
//
// A key that was right is known from then on as long as its line is the same, without
// being checked again, so that many clients can come back at once. How long it takes to
// find that a key is wrong tells nothing of which labels there are.
type Checker struct {
	set     atomic.Pointer[set]
	secret  [sha256.Size]byte // of digests
	running sync.WaitGroup
	matches func(secret, hash string) bool

	mu     sync.Mutex
	queue  *queue           // guarded by mu
	known  map[string]known // guarded by mu; by label
	idle   sync.Cond        // for workers
	closed bool             // guarded by mu
}

// A set is the lines that are in force. It never changes.
type set struct {
	lines   []Line
	byLabel map[string]Line
}

// A known key is one that was right.
type known struct {
	digest digest
	line   Line
}

type digest [sha256.Size]byte

// NewChecker returns a checker without lines, and starts its workers.
func NewChecker(c Config) *Checker { return newChecker(c, matches) }

func newChecker(c Config, matches func(secret, hash string) bool) *Checker {
	k := &Checker{queue: newQueue(max(c.Waiting, 1)), known: make(map[string]known), matches: matches}
	k.idle.L = &k.mu
	rand.Read(k.secret[:]) // never fails
	k.SetLines(nil)
	for range max(c.Workers, 1) {
		k.running.Go(k.work)
	}
	return k
}

// SetLines replaces the lines. What is being checked is held against the lines that are
// in force in the end.
func (k *Checker) SetLines(lines []Line) {
	s := &set{lines: lines, byLabel: make(map[string]Line, len(lines))}
	for _, line := range lines {
		s.byLabel[line.Label] = line
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set.Store(s)
	maps.DeleteFunc(k.known, func(label string, of known) bool { return s.byLabel[label] != of.line })
}

// Line returns the line that is in force with a label. It does not block.
func (k *Checker) Line(label string) (line Line, found bool) {
	line, found = k.set.Load().byLabel[label]
	return line, found
}

// InForce reports whether a line is one of those that are in force. It does not block.
func (k *Checker) InForce(line Line) bool {
	now, found := k.Line(line.Label)
	return found && now == line
}

// Check has a key of a source checked. If the answer is known it is returned at once;
// otherwise done is called with it, once, by another goroutine or before Check returns,
// and must not block. The caller has to ask InForce when it acts on the answer.
func (k *Checker) Check(key string, source netip.Prefix, done func(Answer)) (a Answer, atOnce bool) {
	label, _, ok := Split(key)
	if !ok {
		return Answer{}, true
	}
	d := k.digest(key)
	k.mu.Lock()
	line, isKnown := k.lookup(label, d)
	var dropped *request
	switch {
	case isKnown:
		k.mu.Unlock()
		return Answer{Right, line}, true
	case k.closed:
		k.mu.Unlock()
		return Answer{Verdict: Unchecked}, true
	default:
		dropped = k.queue.put(&request{key, source, done})
		k.idle.Signal()
		k.mu.Unlock()
	}
	if dropped != nil {
		dropped.done(Answer{Verdict: Unchecked})
	}
	return Answer{}, false
}

// lookup returns the line of a key that is known to be right. The caller holds the lock.
func (k *Checker) lookup(label string, d digest) (Line, bool) {
	of, found := k.known[label]
	return of.line, found && hmac.Equal(of.digest[:], d[:])
}

func (k *Checker) digest(text string) (d digest) {
	mac := hmac.New(sha256.New, k.secret[:])
	mac.Write([]byte(text))
	mac.Sum(d[:0])
	return d
}

// work checks keys until the checker is closed.
func (k *Checker) work() {
	for r := k.next(); r != nil; r = k.next() {
		r.done(k.check(r.key))
	}
}

// next waits for a request; it returns nil when the checker is closed.
func (k *Checker) next() *request {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.queue.size == 0 && !k.closed {
		k.idle.Wait()
	}
	if k.closed {
		return nil
	}
	return k.queue.take()
}

// check checks a key.
func (k *Checker) check(key string) Answer {
	label, secret, _ := Split(key)
	d := k.digest(key)
	k.mu.Lock()
	line, isKnown := k.lookup(label, d) // since it was asked for
	k.mu.Unlock()
	if isKnown {
		return Answer{Right, line}
	}
	line, exists := k.set.Load().find(label, k.digest(label))
	if !k.matches(secret, line.Hash) || !exists {
		return Answer{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.InForce(line) { // still
		k.known[label] = known{d, line}
	}
	return Answer{Right, line}
}

// find returns the line with a label. For one that there is not, it returns another, always
// the same, so that checking takes as long as for one that there is: hashes may have
// different parameters.
func (s *set) find(label string, d digest) (line Line, exists bool) {
	if line, exists = s.byLabel[label]; exists {
		return line, true
	}
	if len(s.lines) == 0 {
		return Line{Hash: nobody}, false
	}
	return s.lines[binary.BigEndian.Uint64(d[:])%uint64(len(s.lines))], false
}

// nobody is a hash with the standard parameters, which is checked where there are no
// lines.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Close answers what waits, and returns when the workers have ended. Keys that are asked
// for after that are not checked.
func (k *Checker) Close() {
	k.mu.Lock()
	k.closed = true
	var waiting []*request
	for r := k.queue.take(); r != nil; r = k.queue.take() {
		waiting = append(waiting, r)
	}
	k.idle.Broadcast()
	k.mu.Unlock()
	for _, r := range waiting {
		r.done(Answer{Verdict: Unchecked})
	}
	k.running.Wait()
}
