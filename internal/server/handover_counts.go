//go:build linux

package server

import "sop-chat/internal/handover"

// saveCounts saves what the loops have counted, but for their wake-ups and what those took.
func (r *running) saveCounts() *handover.Counts {
	var t tally
	for _, l := range r.loops {
		t.add(&l.counts)
	}
	return &handover.Counts{
		Connections: t.connections, Accepted: t.accepted, Ended: byReason(&t.ended), Refused: byReason(&t.refused),
		Messages: t.messages, Received: t.received, Sent: t.sent, Delivered: t.delivered, Referred: t.referred,
		Pressed: t.pressed, Held: t.held, Latency: t.latency,
	}
}

// byReason returns numbers by the names of reasons: another version may have others.
func byReason(numbers *[reasonCount]uint64) map[string]uint64 {
	named := make(map[string]uint64)
	for r, n := range numbers {
		if n > 0 {
			named[reason(r).String()] = n
		}
	}
	return named
}

// restoreCounts has the first loop go on counting where the loops of another process have
// ended.
func (l *loop) restoreCounts(c *handover.Counts) {
	if c == nil {
		return
	}
	l.counts.add(&tally{
		connections: c.Connections, accepted: c.Accepted, ended: ofReasons(c.Ended), refused: ofReasons(c.Refused),
		messages: c.Messages, received: c.Received, sent: c.Sent, delivered: c.Delivered, referred: c.Referred,
		pressed: c.Pressed, held: c.Held, latency: c.Latency,
	})
}

// ofReasons returns what byReason was given. Reasons that this version does not know are
// others.
func ofReasons(named map[string]uint64) (numbers [reasonCount]uint64) {
	known := make(map[string]reason, reasonCount)
	for r := range reasonCount {
		known[r.String()] = r
	}
	for name, n := range named {
		numbers[known[name]] += n
	}
	return numbers
}
