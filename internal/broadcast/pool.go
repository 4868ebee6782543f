package broadcast

import (
	"sync"
	"sync/atomic"

	"sop-chat/internal/wire"
)

// A Pool is what many logs share: the memory in which they lie, and a list of those
// that use some.
//
// A log that has had nothing new for a while, and whose readers have read everything,
// has no use for segments. So somebody has to call Settle from time to time while there
// are logs that use some (Active). Then such a log packs what it retains, and gives its
// segments back. When a reader joins that is to receive it, it is put into segments
// again. While very many logs use memory, floods have less retained, see crowd.
//
// Its methods may be called by any goroutine.
type Pool struct {
	memory Memory
	wake   chan struct{}
	inUse  atomic.Int64 // how many logs use memory, or did when Settle looked

	mu     sync.Mutex // taken after a log's lock
	active []*Log     // use memory, or did when Settle looked

	settling sync.Mutex // taken before a log's lock
	scratch  []byte     // guarded by settling
}

// NewPool returns a pool of logs that lie in memory, or in the program's own if that is
// nil.
func NewPool(memory Memory) *Pool {
	if memory == nil {
		memory = heap{}
	}
	return &Pool{memory: memory, wake: make(chan struct{}, 1)}
}

// Active returns a channel that is sent to when there are logs that use memory after
// there were none, and when Settle has left some.
func (p *Pool) Active() <-chan struct{} { return p.wake }

// Settle has all logs give their memory back that have had nothing new since the last
// call, and whose readers have read everything.
func (p *Pool) Settle() {
	p.settling.Lock()
	defer p.settling.Unlock()
	p.mu.Lock()
	active := p.active
	p.active = nil
	p.mu.Unlock()
	for _, l := range active {
		l.settle(&p.scratch)
	}
}

// Pause has Settle wait until Resume is called, so that memory stays as it is meanwhile.
func (p *Pool) Pause() { p.settling.Lock() }

// Resume ends a Pause.
func (p *Pool) Resume() { p.settling.Unlock() }

// add adds a log that uses memory. The caller holds the log's lock.
func (p *Pool) add(l *Log) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active = append(p.active, l); len(p.active) == 1 {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// use notes that the log uses memory. The caller holds l.mu.
func (l *Log) use() {
	if l.settled {
		l.settled = false
		l.pool.inUse.Add(1)
		l.pool.add(l)
	}
	l.used = true
}

// settle gives the log's memory back, unless it was used since the last call or a
// reader has yet to read something.
func (l *Log) settle(scratch *[]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head := l.Head()
	switch {
	case l.memory == nil: // it is closed
		l.pool.inUse.Add(-1)
	case l.used || l.End() != head || l.oldest(anyCursor) != head:
		l.used = false
		l.pool.add(l)
	default:
		l.settled = true
		l.pool.inUse.Add(-1)
		l.packed = l.pack(l.oldestKept(), head, scratch)
		l.giveAll()
		l.ring.Store(&noSegments)
	}
}

// pack returns the messages from one position to the head, packed, or nil if there are
// none. The caller holds l.mu.
func (l *Log) pack(from, to Position, scratch *[]byte) *packed {
	if l.packed != nil {
		from = max(from, l.packed.from)
	}
	if from >= to {
		return nil
	}
	k := &packed{from: from, to: to, senders: make([]*Sender, 0, (to-from)/wire.Size), at: make([]int64, 0, (to-from)/wire.Size)}
	data := (*scratch)[:0]
	if l.packed != nil {
		former := l.packed.since(from)
		data = append(data, former.data...)
		k.senders = append(k.senders, former.senders...)
		k.at = append(k.at, former.at...)
		from = max(from, former.to)
	}
	for ; from < to; from += wire.Size {
		seg, i := l.segmentAt(from), uint64(from%SegmentSize/wire.Size)
		data = pack(data, seg.message(i))
		k.senders, k.at = append(k.senders, seg.from[i]), append(k.at, seg.at[i])
	}
	k.data, *scratch = append([]byte(nil), data...), data
	return k
}

// trimPacked drops what is packed and not to be kept any more. The caller holds l.mu.
func (l *Log) trimPacked() {
	if l.packed != nil && l.oldestKept() > l.packed.from {
		l.packed = l.packed.without(l.oldestKept())
	}
}

// unpack puts what is packed and still to be kept into segments again, as far as there
// may be so many, and returns where it begins. The caller holds l.mu.
func (l *Log) unpack() Position {
	k := l.packed.since(l.oldestKept())
	l.packed = nil
	if k.from == k.to {
		return k.to
	}
	last := uint64(k.to-1) / SegmentSize
	next := max(l.nextLive, last+1)
	if least := next - min(next, l.most); uint64(k.from)/SegmentSize < least {
		l.forgotten = least * SegmentSize
		if k = k.since(Position(l.forgotten)); k.from == k.to {
			return k.to
		}
	}
	first := uint64(k.from) / SegmentSize
	l.growRing(next - first)
	for n := first; n <= last; n++ {
		if n < l.firstLive || n >= l.nextLive {
			*l.place(n) = l.takeSegment()
		}
	}
	l.firstLive, l.nextLive = first, next
	l.use()
	data := k.data
	for i, at := 0, k.from; at < k.to; i, at = i+1, at+wire.Size {
		seg, index := *l.place(uint64(at) / SegmentSize), uint64(at%SegmentSize/wire.Size)
		unpack(seg.message(index), data)
		data = data[packedSize(data):]
		seg.put(index, k.senders[i], k.at[i])
	}
	return k.from
}
