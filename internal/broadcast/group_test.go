package broadcast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// Whatever happens in many logs: a group's followers read what they would read alone,
// each in its turn, and the end of each closed log once.
func TestGroupIsItsFollowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &groupMachine{group: NewGroup()}
		actions := rapid.StateMachineActions(m)
		for _, again := range []string{"1", "2", "3"} {
			actions["Append"+again] = m.Append
			actions["Next"+again] = m.Next
		}
		t.Repeat(actions)
		m.finish(t)
	})
}

// A groupMachine is a group beside the model it has to follow.
type groupMachine struct {
	group *Group
	logs  []*modelLog
	turn  int // how many turns there have been
}

// A modelLog is a log, what happened in it, and its followers in the group.
type modelLog struct {
	log *Log
	history
	followers []*member
	gate      *member // one of them, or nil
	closed    bool
}

// A member is a follower in a group.
type member struct {
	*modelFollower
	log      *modelLog
	lastTurn int // when it was returned last
	dueSince int // since when it has something to read; -1: it has not
	ended    bool
}

func (m *groupMachine) Open(*rapid.T) {
	if len(m.logs) < 5 {
		m.logs = append(m.logs, &modelLog{log: New(1<<20, 1<<20)})
	}
}

func (m *groupMachine) Follow(t *rapid.T) {
	l := m.pickLog(t)
	if l == nil || len(l.followers) == 3 {
		return
	}
	f := &member{log: l, lastTurn: m.turn, dueSince: -1}
	f.modelFollower = &modelFollower{next: l.published(), nextNotice: len(l.notices), entries: make([]Entry, 200)}
	switch kind := pick(t, "kind", "lossless", "skipping", "gate"); {
	case kind == "skipping":
		f.maySkip = true
		f.follower = m.group.FollowSkipping(l.log, f)
	case kind == "gate" && l.gate == nil && !l.closed && len(l.messages) == 0:
		f.isAhead, l.gate = true, f
		f.follower = m.group.FollowAhead(l.log, f)
	default:
		f.follower = m.group.FollowLossless(l.log, f)
	}
	l.followers = append(l.followers, f)
	m.note()
}

func (m *groupMachine) Append(t *rapid.T) {
	l := m.pickLog(t)
	if l == nil || l.closed || l.log.Held() {
		return
	}
	n := rapid.IntRange(1, 100).Draw(t, "messages")
	l.write(l.log, strings.Repeat("a", n))
	if l.gate != nil {
		l.hidden += n
	}
	l.log.Wake(nil)
	m.note()
}

func (m *groupMachine) Announce(t *rapid.T) {
	if l := m.pickLog(t); l != nil && !l.closed {
		for range pick(t, "notices", 1, 2, 70) {
			l.announce(l.log)
		}
		m.note()
	}
}

func (m *groupMachine) CloseLog(t *rapid.T) {
	if l := m.pickLog(t); l != nil && rapid.IntRange(0, 4).Draw(t, "really") == 0 {
		l.log.Close()
		l.closed = true
		m.note()
	}
}

// Leave closes a follower, whether it has something to read or not.
func (m *groupMachine) Leave(t *rapid.T) {
	l := m.pickLog(t)
	if l == nil || len(l.followers) == 0 || rapid.IntRange(0, 2).Draw(t, "really") > 0 {
		return
	}
	f := pick(t, "follower", l.followers...)
	m.close(f)
}

// Next reads what there is of one follower.
func (m *groupMachine) Next(t *rapid.T) { m.next(t, rapid.IntRange(1, 200).Draw(t, "entries")) }

func (m *groupMachine) next(t *rapid.T, most int) bool {
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	entries := make([]Entry, most)
	follower, n, err := m.group.Next(atOnce, entries)
	if m.group.sleeping.Load() || len(m.group.wake) > 0 {
		t.Fatal("a group that is awake can still be woken")
	}
	if follower == nil {
		if n != 0 || !errors.Is(err, context.Canceled) {
			t.Fatalf("Next without a follower: %d, %v", n, err)
		}
		m.each(func(f *member) {
			if f.dueSince >= 0 {
				t.Fatalf("Next returns nothing, and a follower of log %d is due", slices.Index(m.logs, f.log))
			}
		})
		return false
	}
	f := follower.Owner().(*member)
	m.checkTurn(t, f)
	m.turn++
	f.lastTurn = m.turn
	if err == io.EOF {
		if n != 0 || f.ended || !f.log.closed || f.isDue(&f.log.history, f.nextNotice) {
			t.Fatalf("Next of a follower with %d entries, ended before: %v, its log closed: %v, more to read: %v: EOF",
				n, f.ended, f.log.closed, f.isDue(&f.log.history, f.nextNotice))
		}
		f.ended = true
		m.close(f)
		return true
	}
	if n == 0 || err != nil || f.follower != follower {
		t.Fatalf("Next with a follower: %d, %v", n, err)
	}
	for i := range entries[:n] {
		f.compare(t, &f.log.history, &entries[i])
	}
	if f == f.log.gate && rapid.Bool().Draw(t, "publish") {
		f.follower.Publish()
		f.log.hidden = len(f.log.messages) - f.next
	}
	f.dueSince = -1
	m.note()
	return true
}

// checkTurn checks that no follower waits while another has two turns.
func (m *groupMachine) checkTurn(t *rapid.T, next *member) {
	m.each(func(f *member) {
		if f != next && f.dueSince >= 0 && f.dueSince < next.lastTurn && f.lastTurn < next.lastTurn {
			t.Fatalf("a follower that is due since turn %d and had turn %d waits, while another that had turn %d has %d",
				f.dueSince, f.lastTurn, next.lastTurn, m.turn+1)
		}
	})
}

// note records which of them are due from now on.
func (m *groupMachine) note() {
	m.each(func(f *member) {
		due := f.isDue(&f.log.history, max(f.nextNotice, len(f.log.notices)-noticesKept))
		due = due || f.log.closed && f.visibleEnd(&f.log.history) == len(f.log.messages)
		if due && f.dueSince < 0 {
			f.dueSince = m.turn
		}
	})
}

// close closes a follower, as its owner does.
func (m *groupMachine) close(f *member) {
	f.follower.Close()
	l := f.log
	l.followers = slices.DeleteFunc(l.followers, func(other *member) bool { return other == f })
	if l.gate == f {
		l.gate, l.hidden = nil, 0
	}
	m.note()
}

func (m *groupMachine) each(do func(*member)) {
	for _, l := range m.logs {
		for _, f := range l.followers {
			do(f)
		}
	}
}

func (m *groupMachine) pickLog(t *rapid.T) *modelLog {
	if len(m.logs) == 0 {
		return nil
	}
	return pick(t, "log", m.logs...)
}

func (m *groupMachine) Check(*rapid.T) {}

// finish reads all there is, and has all logs closed.
func (m *groupMachine) finish(t *rapid.T) {
	for _, l := range m.logs {
		l.log.Close()
		l.closed = true
	}
	m.note()
	for m.next(t, 200) {
		for _, l := range m.logs {
			if l.gate != nil {
				l.gate.follower.Publish()
				l.hidden = len(l.messages) - l.gate.next
			}
		}
		m.note()
	}
	m.each(func(f *member) { t.Fatalf("a follower of a closed log does not end: %+v", f.modelFollower) })
	if m.group.members != nil {
		t.Fatal("a follower is a member though all have left")
	}
	for _, l := range m.logs {
		if l.log.memory != nil {
			t.Fatal("a closed log without followers has memory")
		}
	}
}

// While many append to many logs, and logs are opened and closed, a group's followers
// get all of it, in order.
func TestGroupWhileAppending(t *testing.T) {
	const appenders, rounds, logs = 4, 5, 20
	group := NewGroup()
	r := newRoom(t, SegmentSize, SegmentSize)
	type reader struct {
		streamChecker
		notices, want int
	}
	var open atomic.Int64 // followers
	open.Store(1)         // and appenders, as one
	var appending atomic.Int64
	for id := range uint64(appenders) {
		appending.Add(1)
		r.start(func(ctx context.Context) error {
			defer appending.Add(-1)
			from, b := &Sender{ID: id + 1}, NewBatch(8*wire.Size)
			for range rounds {
				var all [logs]*Log
				var sent [logs]int
				for i := range all {
					all[i] = New(SegmentSize, SegmentSize)
					open.Add(2)
					group.FollowLossless(all[i], &reader{want: 64})
					group.FollowSkipping(all[i], &reader{want: 64})
				}
				for step := range 64 * logs { // 64 messages to each
					i := step * 7 % logs
					put(b, from, sent[i])
					sent[i]++
					all[i].Append(b, time.Time{})
					all[i].Wake(nil)
					if step%3 == 0 {
						all[i].Announce(&Notice{From: from})
					}
				}
				for _, l := range all {
					l.Close()
				}
			}
			return ctx.Err()
		})
	}
	r.start(func(ctx context.Context) error {
		defer group.Close()
		entries := make([]Entry, 16)
		for {
			if appending.Load() == 0 && open.Load() == 1 {
				return nil
			}
			f, n, err := group.Next(ctx, entries)
			if err == io.EOF {
				w := f.Owner().(*reader)
				if len(w.order) != w.want {
					return fmt.Errorf("a log ends after %d messages, want %d", len(w.order), w.want)
				}
				f.Close()
				open.Add(-1)
				continue
			}
			if err != nil {
				return err
			}
			for i := range entries[:n] {
				w := f.Owner().(*reader)
				if entries[i].Notice != nil {
					w.notices++
					continue
				}
				if err := w.entry(&entries[i]); err != nil {
					return err
				}
			}
		}
	})
	r.wait()
}

// Next of a group that waits returns what a follower gets that is added meanwhile, also
// if its log was closed before.
func TestGroupFollowWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := NewGroup()
		ctx, cancel := context.WithCancel(t.Context())
		var owners []any
		go func() {
			entries := make([]Entry, 4)
			for {
				f, _, err := group.Next(ctx, entries)
				if f == nil {
					return
				}
				if owners = append(owners, f.Owner()); err == io.EOF {
					f.Close()
				}
			}
		}()
		synctest.Wait()
		open, closed := New(SegmentSize, SegmentSize), New(SegmentSize, SegmentSize)
		closed.Close()
		group.FollowSkipping(open, "open")
		group.FollowLossless(closed, "closed")
		synctest.Wait()
		if !slices.Equal(owners, []any{"closed"}) {
			t.Fatalf("entries of %v before there was a message", owners)
		}
		new(history).write(open, "a")
		open.Wake(nil)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !slices.Equal(owners, []any{"closed", "open"}) {
			t.Errorf("entries of %v", owners)
		}
		group.Close()
	})
}

// A group that is closed has closed all its followers, and those that are added later:
// no log keeps anything for them, or is held by one, or waits for a gate.
func TestGroupClose(t *testing.T) {
	group := NewGroup()
	l, h := New(8*wire.Size, 8*wire.Size), new(history)
	group.FollowLossless(l, nil)
	group.FollowAhead(l, nil)
	h.write(l, "abcabcab")
	if !l.Held() || l.Head() != 0 {
		t.Fatal("not held by a group that does not read")
	}
	group.Close()
	group.FollowLossless(l, nil)
	gate := group.FollowAhead(l, nil)
	if l.Followed() || l.Held() || l.Head() != l.End() {
		t.Errorf("a closed group follows a log: %v, holds it: %v, hides %d bytes", l.Followed(), l.Held(), l.End()-l.Head())
	}
	gate.Close() // again
	if l.FollowAhead(); l.gate.Load() == nil {
		t.Error("a log has no gate after that of a closed group")
	}
	if group.Close(); !l.Followed() {
		t.Error("a group closes what is not its own")
	}
}

// A follower that is alone in its group, with two notices of its log, leaves no memory
// to keep them in.
func TestIdleFollowerKeepsNoNotices(t *testing.T) {
	l, h := New(SegmentSize, SegmentSize), new(history)
	f := newModelFollower(l, h, false)
	for range 100 {
		h.announce(l)
	}
	for f.read(t, h, 30) {
	}
	if l.notices != nil || f.follower.pending != nil {
		t.Errorf("space for %d notices is kept in the log and for %d in its follower", len(l.notices), cap(f.follower.pending))
	}
}

// groupOf returns a group of followers of many logs.
func groupOf(logs int) (*Group, []*Log) {
	group, all := NewGroup(), make([]*Log, logs)
	for i := range all {
		all[i] = New(32<<20, 1<<20)
		all[i].Join(func() {}).Leave()
		group.FollowSkipping(all[i], all[i])
	}
	return group, all
}

// Reading a group allocates nothing.
func TestGroupAllocations(t *testing.T) {
	group, logs := groupOf(8)
	b, entries, now := NewBatch(wire.Size), make([]Entry, 4), time.Unix(0, 0)
	step := func() {
		for _, l := range logs {
			b.Add(alice, wire.Size)
			l.Append(b, now)
			l.Wake(nil)
		}
		for range logs {
			if _, n, err := group.Next(t.Context(), entries); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
	for range 4 * segmentMessages {
		step()
	}
	if got := testing.AllocsPerRun(1000, step); got != 0 {
		t.Errorf("%v allocations a message of each log, want 0", got)
	}
}

// The cost of a message that goes to one log of many that a group reads.
func BenchmarkGroup(b *testing.B) {
	for _, logs := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("logs=%d", logs), func(b *testing.B) {
			group, all := groupOf(logs)
			batch, entries, now := NewBatch(wire.Size), make([]Entry, 64), time.Unix(0, 0)
			next := 0
			step := func() {
				l := all[next%logs]
				next++
				batch.Add(alice, wire.Size)
				l.Append(batch, now)
				l.Wake(nil)
				if f, n, err := group.Next(b.Context(), entries); n != 1 || err != nil || f.Owner() != l {
					b.Fatal(n, err)
				}
			}
			for range logs {
				step()
			}
			b.SetBytes(wire.Size)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// A log costs nothing to speak of while there is nothing new, with its two followers in
// groups, after clients have joined and left: it has as much as readers lag.
func TestIdleLog(t *testing.T) {
	const logs, backlog, most = 10_000, 32 << 20, 704
	kept := make([]*Log, 0, logs)
	console, history := NewGroup(), NewGroup()
	entries := make([]Entry, 16)
	before := heapInUse()
	pool := NewPool(nil)
	for range logs {
		l := pool.NewLog(backlog, SegmentSize)
		console.FollowSkipping(l, l)
		history.FollowLossless(l, l)
		for range 4 {
			l.Announce(&Notice{Kind: Joined, From: alice})
		}
		for _, g := range []*Group{console, history} {
			if f, n, err := g.Next(t.Context(), entries); n != 4 || err != nil || f.Owner() != l {
				t.Fatalf("%d entries, %v", n, err)
			}
		}
		kept = append(kept, l)
	}
	each := (heapInUse() - before) / logs
	runtime.KeepAlive(kept)
	t.Logf("%d bytes for a log and its two followers", each)
	if each > most {
		t.Errorf("a log and its two followers take %d bytes, want %d at most", each, most)
	}
}

// heapInUse returns how many bytes of the heap are used.
func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools still kept
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
