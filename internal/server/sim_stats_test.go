//go:build linux

package server

import (
	"maps"
	"slices"
	"strings"

	"sop-chat/internal/wire"
)

// A simTraffic is what the simulated kernels have seen.
type simTraffic struct {
	received, sent, referred int
}

// checkCounts checks that what the loops have counted is what has happened, when the
// server has ended.
func (w *world) checkCounts() {
	var t tally
	for _, l := range w.loops {
		r := l.report()
		if r.members+r.webSockets+r.pending+r.lagging != 0 {
			w.failf("when all is over, a loop still has %+v", r)
		}
		t.add(&r.tally)
	}
	var stats Stats
	stats.setCounts(&t)
	messages, accepted, ended, received, unread := 0, 0, map[string]uint64{}, 0, 0
	for _, r := range w.rooms {
		if r.link != nil {
			messages += r.link.said
		} else {
			messages += len(r.oracle.order)
		}
	}
	for _, c := range w.clients {
		if c.accepted {
			accepted++
			ended[reasonOf(c.reason).String()]++
		}
		received += c.received
		rest := c.socket.wrote - c.socket.taken + len(c.inbox)
		if c.web != nil {
			rest += len(c.web.inbox) // of a frame that is incomplete
		}
		unread += rest/wire.Size + 1
	}
	if got := stats.Messages; got != uint64(messages) {
		w.failf("%d messages are counted, and %d were said", got, messages)
	}
	if got := stats.Authentications["accepted"]; got != uint64(accepted) {
		w.failf("%d clients are counted that got in, and %d did", got, accepted)
	}
	if got := int(stats.Deliveries); got < received || got > received+unread {
		w.failf("%d deliveries are counted; clients received %d, and have yet to read %d at most", got, received, unread)
	}
	if got := (simTraffic{int(stats.Received), int(stats.Sent), int(stats.Referred)}); got != w.traffic {
		w.failf("%+v is counted, and the kernel has %+v", got, w.traffic)
	}
	if want := uint64(w.born - w.handed.uncounted); stats.Connections != want {
		w.failf("%d connections are counted, and there were %d", stats.Connections, want)
	}
	w.checkReasons(&stats, ended)
}

// checkReasons checks the numbers of connections that ended, by reason. Of the clients that
// got in it is known for what reason each ended.
func (w *world) checkReasons(stats *Stats, members map[string]uint64) {
	all := uint64(w.handed.unpassed-w.handed.uncounted) - stats.Disconnects["restart"] // a member is counted as both
	for reason, n := range stats.Disconnects {
		if all += n; n < members[reason] {
			w.failf("%d clients ended for the reason %s, and %d are counted", members[reason], reason, n)
		}
	}
	if all != stats.Connections {
		w.failf("%d ends are counted of %d connections", all, stats.Connections)
	}
	for _, r := range []reason{tooSlow, noPong, serverRestart} { // for which members alone end
		if got := stats.Disconnects[r.String()]; got != members[r.String()] {
			w.failf("%d ends for the reason %s are counted, want %d", got, r, members[r.String()])
		}
	}
	if got, want := stats.Disconnects["wrong_key"], stats.Authentications["wrong_key"]; got != want {
		w.failf("%d connections ended for a wrong key, and %d were refused", got, want)
	}
	if stats.Disconnects["other"] > 0 {
		w.failf("a cause has no reason: %v", slices.Sorted(maps.Keys(members)))
	}
	if w.origins == nil {
		return
	}
	turnedAway := stats.Disconnects["address_banned"] + stats.Disconnects["address_too_frequent"] + stats.Disconnects["address_denied"]
	if turnedAway < uint64(w.origins.refusals) {
		w.failf("%d connections are counted that were closed for their origins, and at least %d were", turnedAway, w.origins.refusals)
	}
}

// reasonOf returns the reason that a cause in words is of.
func reasonOf(words string) reason {
	for _, c := range []cause{causeEnd, causeShutdown, causeRestart, causeDescriptor, causeClosed, causeRekeyed, causeRevoked, causeTimeout, causeDenied, causeNoPong, causeReplaced, causeRecalled} {
		if c.words == words {
			return c.reason
		}
	}
	for beginning, r := range map[string]reason{
		"held the others up": tooSlow, "was disconnected by an operator": kickedByOperator, "broke the rules of WebSockets": protocolViolation,
		"closed the connection with an incomplete": incompleteMessage,
	} {
		if strings.HasPrefix(words, beginning) {
			return r
		}
	}
	return callFailed
}
