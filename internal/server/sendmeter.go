//go:build linux

package server

import (
	"sync"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
)

// A sendChoice is the mode in which a room's loops send large batches. They find it
// together, because a loop that reuses memory pays for what others have lent of it.
type sendChoice struct {
	inUse    atomic.Uint32 // a sendMode
	measures atomic.Bool   // modeChooser.measures

	mu      sync.Mutex
	chooser modeChooser // guarded by mu; unused if the mode is forced
	learns  bool
}

// learn has the mode be found out. It must be called before the loops run.
func (s *sendChoice) learn(limits trialLimits) {
	s.chooser.limits, s.learns = limits, true
	s.measures.Store(true)
}

// force has the mode be one for good. It must be called before the loops run.
func (s *sendChoice) force(mode sendMode) {
	s.learns = false
	s.measures.Store(false)
	s.inUse.Store(uint32(mode))
}

// mode returns the mode in which to send.
func (s *sendChoice) mode() sendMode { return sendMode(s.inUse.Load()) }

// add is modeChooser.add.
func (s *sendChoice) add(mode sendMode, bytes int, cost time.Duration) (chosen bool) {
	if !s.learns {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen = s.chooser.add(mode, bytes, cost)
	s.inUse.Store(uint32(s.chooser.inUse))
	s.measures.Store(s.chooser.measures())
	return chosen
}

// lapSize is after how many bytes a loop reads the CPU clock while it sends. It is
// enough for the reading to cost little, and so little that the goroutine is rarely
// moved to another thread meanwhile.
const lapSize = 4 << 20

// A sendMeter measures what it costs to send large batches, lap by lap. The first
// lap of a wake-up begins when the loop publishes one, because memory that was lent
// is replaced then, or when it begins to write. The last ends when all is written.
type sendMeter struct {
	mode    sendMode
	running bool
	bytes   int // sent in this lap
	writes  int
	large   int // writes that were large

	thread int // 0: the lap's cost does not matter
	cpu    time.Duration
}

// beginPublish begins to measure if the batch is large.
func (l *loop) beginPublish() {
	if !l.meter.running && l.isLarge(l.batch.Len()) {
		l.beginLap()
	}
}

// beginFlush begins to measure if there is much to send up to head, which others
// may have published, or if many members that lag can take more.
func (l *loop) beginFlush(head broadcast.Position) {
	if !l.meter.running && (l.isLarge(int(head-l.written)) || len(l.ready) >= l.limits.audience && l.isAudience()) {
		l.beginLap()
	}
}

// beginLap begins a lap.
func (l *loop) beginLap() {
	sending := &l.room.sending
	l.meter = sendMeter{running: true, mode: sending.mode()}
	if sending.measures.Load() {
		l.meter.thread, l.meter.cpu = l.kernel.CPUTime()
	}
}

// endLap stops measuring. A lap in which most writes were small says nothing about
// large batches.
func (l *loop) endLap() {
	m := &l.meter
	if !m.running {
		return
	}
	m.running = false
	if m.large <= m.writes/2 {
		return
	}
	var cost time.Duration
	if m.thread != 0 {
		if thread, cpu := l.kernel.CPUTime(); thread == m.thread {
			cost = cpu - m.cpu
		}
	}
	if l.room.sending.add(m.mode, m.bytes, cost) {
		l.logger.Debug("large batches are sent another way, which costs less", "by", l.room.sending.mode())
	}
}

// countSent counts bytes that were written to a member.
func (l *loop) countSent(bytes int) {
	m := &l.meter
	m.bytes += bytes
	if m.running && m.bytes >= l.limits.lap {
		l.endLap()
		l.beginLap()
	}
}

// sendMode returns how a large batch is sent now. A lap has one mode, also if
// another loop's lap changes it.
func (l *loop) sendMode() sendMode {
	if l.meter.running {
		return l.meter.mode
	}
	return l.room.sending.mode()
}

// isAudience reports whether large batches may be sent by reference.
func (l *loop) isAudience() bool {
	return l.room.memory != nil && len(l.members) >= l.limits.audience && l.room.memory.Lends()
}

// isLarge reports whether that many bytes to a member are a large batch.
func (l *loop) isLarge(bytes int) bool {
	return bytes >= l.limits.reference && l.isAudience()
}
