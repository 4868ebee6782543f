//go:build linux

package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// A sendChoice is the mode in which loops send large batches. They find it
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

// measure begins to measure if a batch of that many bytes is large, whoever published
// it, or if many members that lag can take more.
func (o *output) measure(bytes, ready int) {
	if !o.meter.running && (o.isLarge(bytes) || ready >= o.limits.members && o.mayRefer()) {
		o.beginLap()
	}
}

// beginLap begins a lap.
func (o *output) beginLap() {
	sending := o.sending
	o.meter = sendMeter{running: true, mode: sending.mode()}
	if sending.measures.Load() {
		o.meter.thread, o.meter.cpu = o.kernel.CPUTime()
	}
}

// endLap stops measuring. A lap in which most writes were small says nothing about
// large batches.
func (o *output) endLap() {
	m := &o.meter
	if !m.running {
		return
	}
	m.running = false
	if m.large <= m.writes/2 {
		return
	}
	var cost time.Duration
	if m.thread != 0 {
		if thread, cpu := o.kernel.CPUTime(); thread == m.thread {
			cost = cpu - m.cpu
		}
	}
	if o.sending.add(m.mode, m.bytes, cost) {
		o.logger.Debug("large batches are sent another way, which costs less", "by", o.sending.mode())
	}
}

// countSent counts bytes that were written to a member.
func (o *output) countSent(bytes int) {
	m := &o.meter
	o.counts.delivered += uint64(bytes)
	m.bytes += bytes
	o.left -= bytes
	if m.running && m.bytes >= o.limits.lap {
		o.endLap()
		o.beginLap()
	}
}

// sendMode returns how a large batch is sent now. A lap has one mode, also if
// another loop's lap changes it.
func (o *output) sendMode() sendMode {
	if o.meter.running {
		return o.meter.mode
	}
	return o.sending.mode()
}

// mayRefer reports whether large batches may be sent by reference.
func (o *output) mayRefer() bool {
	return o.memory != nil && o.members >= o.limits.members && o.memory.Lends()
}

// isLarge reports whether that many bytes to a member are a large batch.
func (o *output) isLarge(bytes int) bool {
	return bytes >= o.limits.reference && o.mayRefer()
}
