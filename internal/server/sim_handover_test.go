//go:build linux

package server

import (
	"bytes"
	"slices"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/handover"
	"sop-chat/internal/origin"
	"sop-chat/internal/wire"
)

// simHandovers counts what was handed over from one server to the next.
type simHandovers struct {
	done, thawed                              int
	members, draining, lagging, isNew, frames int
	pending, whole, echoing, adopted          int
	unpassed, bad                             int
	under                                     int // messages that had yet to come back
	voids                                     int // senders whose messages were void
	uncounted                                 int // of those that were not passed, before they were counted
}

func (a *simHandovers) add(b simHandovers) {
	a.done += b.done
	a.thawed += b.thawed
	a.members += b.members
	a.draining += b.draining
	a.lagging += b.lagging
	a.isNew += b.isNew
	a.frames += b.frames
	a.pending += b.pending
	a.whole += b.whole
	a.echoing += b.echoing
	a.adopted += b.adopted
	a.unpassed += b.unpassed
	a.bad += b.bad
	a.under += b.under
	a.voids += b.voids
	a.uncounted += b.uncounted
}

// isTame reports whether something was never handed over.
func (a *simHandovers) isTame() bool {
	for _, n := range []int{
		a.done, a.thawed, a.members, a.draining, a.lagging, a.frames, a.pending, a.whole, a.echoing, a.adopted, a.unpassed, a.bad, a.under,
	} {
		if n == 0 {
			return true
		}
	}
	return false
}

// count counts what is in a state.
func (a *simHandovers) count(s *handover.State) {
	a.done++
	for i := range s.Members {
		m := &s.Members[i]
		if m.Ended != "" {
			continue
		}
		a.members++
		if m.Draining != nil {
			a.draining++
		}
		if m.IsNew {
			a.isNew++
		}
		if m.Frames != nil {
			a.frames++
		}
		if m.Cursor < s.Rooms[m.Room].Log.Head {
			a.lagging++
		}
	}
	for i := range s.Pending {
		p := &s.Pending[i]
		switch {
		case p.Echoing != nil:
			a.echoing++
		case p.IsWhole:
			a.whole++
		default:
			a.pending++
		}
	}
	a.adopted += len(s.Adopted)
}

// handOver has the server frozen, and another go on with its state, as it was written and
// read; or the same go on as if nothing had happened.
func (w *world) handOver() {
	from := running{
		loops: w.loops, rooms: w.shared, identities: w.identities, passes: w.passes, handoff: &w.handoff,
		listeners: []int{listenerFD}, memory: w.out.memory,
	}
	for _, r := range w.rooms {
		if r.closed && (r.room.open.Load() > 0 || r.room.taken.Load() > 0) {
			return
		}
	}
	if !from.isQuiet() || len(w.speeches.waiting) > 0 {
		return
	}
	w.readAll()
	w.freezeRelays(true)
	state := from.save()
	if w.origins != nil {
		state.Origins = w.origins.Save(w.now)
	}
	var file bytes.Buffer
	if err := handover.Write(&file, state); err != nil {
		w.failf("a state can't be written: %v", err)
	}
	state, err := handover.Decode(file.Bytes())
	if err != nil {
		w.failf("a state can't be read: %v", err)
	}
	if w.chance(4) {
		w.freezeRelays(false)
		w.handed.thawed++
		return
	}
	w.handed.count(state)
	sent := w.traffic.sent
	for _, l := range w.loops {
		for _, c := range l.table.conns {
			if c != nil && !l.kernel.IsTCP(int(c.fd)) {
				l.endUnpassed(c)
			}
		}
	}
	w.traffic.sent = sent // the state has what was counted before
	w.goOn(state)
}

// freezeRelays has deliveries be refused, or not any more.
func (w *world) freezeRelays(is bool) {
	for _, r := range w.rooms {
		if r.link == nil {
			continue
		}
		r.room.relay.freeze(is)
		if l := r.link; is && !r.room.relay.isClosed.Load() && w.chance(2) {
			l.batch.Add(new(broadcast.Sender), wire.Size)
			if l.refused = true; r.room.Deliver(l.batch, w.now) {
				w.failf("%s takes a delivery while it is frozen", r.room.name)
			}
			l.batch.Reset()
		}
	}
}

// goOn has a new server go on with a state.
func (w *world) goOn(state *handover.State) {
	takes := time.Millisecond + time.Duration(w.rng.IntN(int(100*time.Millisecond)))
	w.pass(takes)
	bad := map[int]bool{}
	for i := range state.Members {
		if m := &state.Members[i]; m.Ended == "" && w.chance(50) {
			bad[m.FD] = true
			w.handed.bad++
		}
	}
	for fd, s := range w.fds { // what the former process had is closed with it
		if s != nil && (s.isPipe || bad[fd]) {
			w.fds[fd] = nil
			s.fd, s.closed = -1, true
			w.handed.unpassed++
		}
	}
	for _, r := range w.rooms {
		if r.closed { // nobody reads it in the new one
			r.closeLog()
		}
	}
	w.shared, w.identities, w.passes = newRooms(), newIdentities(), newPasses()
	w.keyring.asked = nil
	for _, c := range slices.Concat(w.handoff.waiting, w.loops[0].acceptor.adopted) {
		if w.fds[c.FD] == nil {
			w.handed.uncounted++
		}
	}
	w.handoff.waiting, w.answers.waiting, w.loops = nil, nil, nil
	w.pool = newPool(w.out.memory)
	if w.memory != nil {
		w.memory.inUse = len(pieces(state))
	}
	if w.origins != nil {
		w.origins.Table = origin.NewTable(w.origins.config)
		w.origins.SetLists(w.origins.lists)
		if err := w.origins.Table.Restore(state.Origins, w.now, takes); err != nil {
			w.failf("%v", err)
		}
	}
	restoring, err := newRestoring(state, w.out.memory, func(fd int) bool { return fd < len(w.fds) && w.fds[fd] != nil })
	if err != nil {
		w.failf("%v", err)
	}
	if err := restoring.restoreStrangers(w.shared.strangers); err != nil {
		w.failf("%v", err)
	}
	w.config.loops = 1 + w.rng.IntN(4)
	w.speeches.of = newSpeaker("house")
	for _, r := range w.rooms {
		if !r.closed {
			r.goOn(restoring)
		}
	}
	w.addLoops()
	for _, r := range w.rooms {
		if r.link != nil && !r.closed && w.chance(2) {
			r.link.recall() // before the connections are there
		}
	}
	to := running{loops: w.loops, rooms: w.shared, identities: w.identities, passes: w.passes, handoff: &w.handoff}
	for _, fd := range restoring.populate(&to) {
		w.failf("descriptor %d is of a room that is not there", fd)
	}
	w.passes.revoke(w.keyring)
}

// goOn has a room go on in a new server.
func (r *simRoom) goOn(restoring *restoring) {
	w := r.world
	former := r.room
	r.room = newRoom(r.config.roomConfig(former.name, former.key), w.config.loops, w.pool)
	r.room.speaker = w.speeches.of
	r.announcedAt = time.Time{}
	isRestored, err := restoring.open(r.room, true)
	if err != nil || !isRestored {
		w.failf("%s is not restored: %v", former.name, err)
	}
	r.room.log.Retain(max(r.config.kept, r.config.replay), r.config.replay)
	if a, b := former.log, r.room.log; a.Head() != b.Head() || a.End() != b.End() || a.Number(a.Head()) != b.Number(b.Head()) {
		w.failf("the log of %s ends at %d and %d, and did at %d and %d", former.name, b.Head(), b.End(), a.Head(), a.End())
	}
	order := r.oracle.order
	r.oracle = newOracle(r)
	r.oracle.order = order
	if r.link != nil {
		if n := r.link.unreturned(); n != len(r.link.under) {
			w.failf("in %s %d messages have yet to come back; want %d", former.name, n, len(r.link.under))
		}
		w.handed.under += len(r.link.under)
		w.handed.voids += len(r.room.relay.voids)
		r.link.follow()
	}
	if r.gate != nil {
		r.gate = newSimGate(r)
	}
	if err := w.shared.add(r.room); err != nil {
		w.failf("%v", err)
	}
}

// isUnpassed reports whether the client was disconnected because it could not be handed
// over.
func (c *simClient) isUnpassed() bool {
	return c.reason == causeRestart.words || c.reason == causeDescriptor.words
}
