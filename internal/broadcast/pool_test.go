package broadcast

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// settle has all logs of a pool give back what they do not use.
func settle(p *Pool) {
	p.Settle() // they may have been used since the last call
	p.Settle()
}

// Whatever messages hold, they are the same when they were packed, and so is what is
// known of them.
func TestPackedMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newTrackedMemory(t)
		l := NewIn(m, 16*SegmentSize, SegmentSize)
		kept := rapid.IntRange(1, 2*segmentMessages).Draw(t, "kept")
		l.Retain(kept, kept)
		var sent []wire.Message
		var senders []*Sender
		for range rapid.IntRange(1, 3).Draw(t, "batches") {
			b := NewBatch(200 * wire.Size)
			for range rapid.IntRange(1, 200).Draw(t, "messages") {
				var message wire.Message
				for range rapid.IntRange(0, 3).Draw(t, "stretches") {
					copy(message[rapid.IntRange(0, wire.Size-1).Draw(t, "from"):], rapid.SliceOfN(rapid.Byte(), 0, wire.Size).Draw(t, "bytes"))
				}
				from := pick(t, "sender", alice, bob)
				b.Add(from, copy(b.Free(), message[:]))
				sent, senders = append(sent, message), append(senders, from)
			}
			l.Append(b, time.Unix(int64(len(sent)), 0))
			settle(l.pool)
			if len(m.taken) > 0 {
				t.Fatalf("%d segments are in use", len(m.taken))
			}
		}
		c := l.JoinBack(func() {})
		if got, want := c.Position(), l.Head()-Position(min(kept, len(sent)))*wire.Size; got != want {
			t.Fatalf("a reader joins at %d, want %d", got, want)
		}
		for p := c.Position(); p < l.Head(); p += wire.Size {
			i := int(p / wire.Size)
			stretches, _ := l.Gather(make([][]byte, 0, 1), p, p+wire.Size, nil)
			if !bytes.Equal(stretches[0], sent[i][:]) || l.SenderAt(p) != senders[i] || l.TimeAt(p).Unix() < int64(i) {
				t.Fatalf("message %d is %q of %v at %v, want %q of %v", i, stretches[0], l.SenderAt(p), l.TimeAt(p), sent[i][:], senders[i])
			}
			if other := l.NextOtherName(p, p+wire.Size, nil) == p; other == senders[i].wrote(&sent[i]) {
				t.Fatalf("message %d has another name than its sender: %v", i, other)
			}
		}
	})
}

// A log stays in its segments while it is used, and while a reader has yet to read or
// publish something. When it has none any more, a reader that has everything joins and
// leaves without any, and one that is to receive what was said before gets it in
// segments, which go again.
func TestSettle(t *testing.T) {
	m := newTrackedMemory(t)
	l, h := NewIn(m, 16*SegmentSize, SegmentSize), new(history)
	l.Retain(2*segmentMessages, 20)
	expect := func(when string, want int) {
		t.Helper()
		if got := len(m.taken); got != want {
			t.Fatalf("%s the log has %d segments, want %d", when, got, want)
		}
	}
	reader := l.Join(func() {})
	for range 3*segmentMessages - 10 {
		h.write(l, "a")
	}
	settle(l.pool)
	expect("while a reader lags,", 3)
	reader.Advance(l.Head())
	h.write(l, "b")
	reader.Advance(l.Head())
	l.pool.Settle()
	expect("while it is used,", 3)
	l.pool.Settle()
	expect("when it is not used any more,", 0)

	l.JoinAfter(l.Number(l.Head())-1, func() {}).Leave()
	expect("after a reader came that has everything,", 0)
	h.write(l, "c")
	reader.Advance(l.Head())
	expect("after a message", 1)
	l.JoinAfter(l.Number(l.Head())-2, func() {}).Leave()
	expect("after a reader came that has what was said before,", 1)
	back := l.JoinBack(func() {})
	expect("while a reader is sent what was said before,", 3)
	c := client{at: back.Position(), next: int(back.Position() / wire.Size)}
	settle(l.pool)
	c.read(t, l, h, l.Head(), 30, func(total int) int { return total })
	if c.at != l.Head() || c.next != len(h.messages) {
		t.Errorf("the reader gets the messages up to %d of %d", c.next, len(h.messages))
	}
	back.Leave()
	settle(l.pool)
	expect("after that", 0)
	l.Forget(l.Head() - 5*wire.Size)
	if k := l.packed; k.from != l.Head()-5*wire.Size || len(k.senders) != 5 || len(k.data) > 5*wire.Size {
		t.Errorf("of 5 messages that are not forgotten, %d are kept from %d on, in %d bytes", len(k.senders), k.from, len(k.data))
	}
	if l.Retain(3, 3); len(l.packed.senders) != 3 {
		t.Errorf("%d messages are kept, want 3", len(l.packed.senders))
	}
	if l.Forget(l.Head()); l.packed != nil {
		t.Error("what is forgotten is kept")
	}
	if got := l.JoinBack(func() {}).Position(); got != l.Head() {
		t.Errorf("a reader begins at %d of %d though all is forgotten", got, l.Head())
	}
	expect("after all was forgotten", 0)
}

// Active tells of logs that use memory when there were none, and for as long as some do.
func TestActive(t *testing.T) {
	p := NewPool(nil)
	isActive := func() bool {
		select {
		case <-p.Active():
			return true
		default:
			return false
		}
	}
	l, h := p.NewLog(SegmentSize, SegmentSize), new(history)
	for range 2 {
		if isActive() {
			t.Fatal("active before there is a message")
		}
		h.write(l, "a")
		h.write(l, "a")
		for _, want := range []bool{true, false} {
			if got := isActive(); got != want {
				t.Fatalf("active %v after a message, want %v", got, want)
			}
		}
		p.Settle()
		if !isActive() {
			t.Fatal("not active while a log uses memory")
		}
		p.Settle()
	}
	h.write(l, "a")
	isActive()
	l.Close()
	settle(p)
	if isActive() || len(p.active) > 0 || p.inUse.Load() != 0 {
		t.Error("a closed log is active")
	}
}

// While some append, join and leave, the logs of a pool are settled again and again, and
// no reader notices.
func TestSettleWhileAppending(t *testing.T) {
	const logs, rounds = 4, 400
	pool := NewPool(nil)
	r := newRoom(t, SegmentSize, SegmentSize)
	var all [logs]*Log
	for i := range all {
		all[i] = pool.NewLog(16*SegmentSize, SegmentSize)
		all[i].Retain(300, 300)
	}
	packs := func() bool { // at least once
		pool.settling.Lock()
		defer pool.settling.Unlock()
		return pool.scratch != nil
	}
	done := make(chan struct{})
	r.running.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				pool.Settle()
				runtime.Gosched()
			}
		}
	})
	var working int
	ended := make(chan struct{}, logs)
	for i := range all {
		working++
		go func() {
			defer func() { ended <- struct{}{} }()
			l, b, next := all[i], NewBatch(40*wire.Size), 0
			follower := l.FollowLossless()
			defer follower.Close()
			entries := make([]Entry, 64)
			for round := range rounds {
				for range 1 + round%40 {
					put(b, alice, next)
					next++
				}
				l.Append(b, time.Time{})
				l.Wake(nil)
				var read []Entry
				for len(read) < 1+round%40 {
					n, err := follower.Next(r.ctx, entries)
					if err != nil {
						r.fail(err)
						return
					}
					read = append(read, entries[:n]...)
				}
				for round == 20 && !packs() && r.ctx.Err() == nil {
					runtime.Gosched()
				}
				c := l.JoinBack(func() {})
				if want := max(0, next-300); int(c.Position()/wire.Size) != want {
					r.fail(fmt.Errorf("a reader begins at message %d, want %d", c.Position()/wire.Size, want))
				}
				first := int(c.Position() / wire.Size)
				stretches, _ := l.Gather(make([][]byte, 0, 8), c.Position(), l.Head(), nil)
				for _, s := range stretches {
					for ; len(s) > 0; s = s[wire.Size:] {
						if want := stamped(alice.ID, first); !bytes.Equal(s[:wire.Size], want[:]) {
							r.fail(fmt.Errorf("message %d is not what was sent", first))
						}
						first++
					}
				}
				c.Leave()
			}
		}()
	}
	for ; working > 0; working-- {
		<-ended
	}
	close(done)
	r.wait()
}

// What is kept of messages of usual length takes little more than their text and who sent
// them when.
func TestPackedSize(t *testing.T) {
	const logs, messages = 200, 512
	pool := NewPool(nil)
	kept := make([]*Log, logs)
	b := NewBatch(messages * wire.Size)
	before := heapInUse()
	for i := range kept {
		l := pool.NewLog(32<<20, SegmentSize)
		l.Retain(messages, 0)
		for range messages {
			var m wire.Message
			copy(m[:], "alice")
			copy(m[wire.NameSize:], "did the build pass, or is it still running?")
			b.Add(alice, copy(b.Free(), m[:]))
		}
		l.Append(b, time.Time{})
		settle(pool)
		kept[i] = l
	}
	each := (heapInUse() - before) / (logs * messages)
	runtime.KeepAlive(kept)
	t.Logf("%d bytes a message", each)
	if each > 100 {
		t.Errorf("a message of 48 bytes takes %d bytes, want 100 at most", each)
	}
}
