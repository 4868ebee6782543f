//go:build linux

package server

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// The loops' own code runs over a kernel that fails wherever Linux could, with
// clients that do all a client can do. For a healthy client, nothing is lost,
// doubled or reordered. No client receives its own messages, there is one order
// for all, no descriptor is leaked or closed twice, and a connection that fails is
// closed.
//
// SOP_CHAT_SIM_STEPS sets how many steps there are in all; SOP_CHAT_SIM_SEED
// runs a single seed.
func TestSimulation(t *testing.T) {
	const stepsPerSeed = 5000
	if s := os.Getenv("SOP_CHAT_SIM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SOP_CHAT_SIM_SEED is %q, want a number", s)
		}
		simulate(t, seed, stepsPerSeed)
		return
	}
	steps := 100_000
	if s := os.Getenv("SOP_CHAT_SIM_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("SOP_CHAT_SIM_STEPS is %q, want a number", s)
		}
		steps = n
	}
	var total simCounts
	for seed := uint64(1); total.steps < steps && !t.Failed(); seed++ {
		total.add(simulate(t, seed, stepsPerSeed))
	}
	t.Logf("%+v", total)
	// A simulation in which nothing happens proves nothing.
	if !t.Failed() && (total.messages == 0 || total.listeners == 0 || total.replayed == 0 || total.holds == 0 || total.adopted == 0 || total.evicted == 0 ||
		total.webSockets == 0 || total.pongs == 0 || total.closeFrames == 0 || total.violations == 0 || total.named == 0 || total.gaps == 0 || total.cuts == 0 || total.missed == 0 || total.replaced == 0 || total.flips == 0 ||
		total.closed == 0 || total.proxied == 0 || total.misled == 0 || total.keys == total.rooms || total.dismissed == 0 || total.limited == 0 || total.limitedDraining == 0 || total.refused == 0 || total.verified == 0 ||
		total.speeches == 0 || total.heldSpeeches == 0 || total.announced == 0 || total.summed == 0 || total.greeted == 0 ||
		total.personal == 0 || total.revoked == 0 || total.unchecked == 0 ||
		total.handed == (simHandovers{}) || total.handed.isTame() ||
		total.relayed == 0 || total.foreign == 0 || total.refusals == 0 || total.aways == 0 || total.recalls == 0 || total.voids == 0 || total.handed.voids == 0 || total.behind == 0 || total.left == 0 ||
		total.listed == 0 || total.kicked == 0 || total.drained == 0 ||
		total.waits == 0 || total.bans == 0 || total.turnedAway == 0 || total.denied == 0) {
		t.Errorf("the simulation is too tame: %+v", total)
	}
}

// simCounts counts what happened in a simulation.
type simCounts struct {
	steps, clients, messages, listeners, replayed, adopted, holds, evicted int
	webSockets, pongs, closeFrames, violations, flips                      int
	named, gaps, cuts, missed, replaced                                    int
	rooms, closed, keys, dismissed                                         int
	proxied, misled                                                        int
	limited, limitedDraining                                               int
	refused, verified                                                      int
	personal, revoked, unchecked                                           int
	waits, bans, turnedAway, denied                                        int
	handed                                                                 simHandovers
	listed, kicked, drained                                                int
	relayed, foreign, refusals, aways, recalls, voids, behind, left        int
	speeches, heldSpeeches, announced, summed, greeted                     int
}

func (a *simCounts) add(b simCounts) {
	a.steps += b.steps
	a.clients += b.clients
	a.messages += b.messages
	a.listeners += b.listeners
	a.replayed += b.replayed
	a.adopted += b.adopted
	a.holds += b.holds
	a.evicted += b.evicted
	a.webSockets += b.webSockets
	a.pongs += b.pongs
	a.closeFrames += b.closeFrames
	a.violations += b.violations
	a.named += b.named
	a.gaps += b.gaps
	a.cuts += b.cuts
	a.missed += b.missed
	a.replaced += b.replaced
	a.flips += b.flips
	a.rooms += b.rooms
	a.closed += b.closed
	a.keys += b.keys
	a.dismissed += b.dismissed
	a.proxied += b.proxied
	a.misled += b.misled
	a.limited += b.limited
	a.limitedDraining += b.limitedDraining
	a.refused += b.refused
	a.verified += b.verified
	a.personal += b.personal
	a.revoked += b.revoked
	a.unchecked += b.unchecked
	a.waits += b.waits
	a.bans += b.bans
	a.turnedAway += b.turnedAway
	a.denied += b.denied
	a.handed.add(b.handed)
	a.relayed += b.relayed
	a.foreign += b.foreign
	a.refusals += b.refusals
	a.aways += b.aways
	a.recalls += b.recalls
	a.voids += b.voids
	a.behind += b.behind
	a.left += b.left
	a.listed += b.listed
	a.kicked += b.kicked
	a.drained += b.drained
	a.speeches += b.speeches
	a.heldSpeeches += b.heldSpeeches
	a.announced += b.announced
	a.summed += b.summed
	a.greeted += b.greeted
}

func simulate(t *testing.T, seed uint64, steps int) (counts simCounts) {
	t.Helper()
	w := newWorld(seed)
	defer reportFailure(t, seed)
	for i := range steps {
		if i%500 == 499 {
			w.rest((*simClient).isEager)
		}
		held, mode := w.held(), w.sending.mode()
		w.step()
		if w.sending.mode() != mode {
			counts.flips++
		}
		if w.held() > held {
			counts.holds++
		}
		counts.behind += len(w.loops[0].acceptor.behind)
		for _, i := range w.identities.left {
			if i.conn == nil && i.next != nil {
				counts.left++
			}
		}
		members, draining := w.limited()
		counts.limited += members
		counts.limitedDraining += draining
	}
	w.settle()
	w.checkSettled()
	w.shutdown()
	w.checkCounts()
	counts.steps, counts.clients, counts.adopted, counts.handed = steps, w.born, w.adopted, w.handed
	for _, r := range w.rooms {
		if r.closed {
			counts.closed++
		}
		counts.keys += len(r.keys)
	}
	counts.rooms, counts.unchecked = len(w.rooms), w.keyring.unchecked
	for _, r := range w.rooms {
		counts.messages += len(r.oracle.order)
		counts.refused += r.refused
		if l := r.link; l != nil {
			counts.relayed += l.said
			counts.foreign += l.foreign
			counts.refusals += l.refusals
			counts.aways += l.aways
			counts.recalls += l.recalls
			counts.voids += l.voids
		}
		if r.config.verifies {
			counts.verified += len(r.oracle.order)
		}
	}
	s := &w.speeches
	counts.speeches, counts.heldSpeeches, counts.announced, counts.summed, counts.greeted = s.said, s.held, s.announced, s.summed, s.greeted
	if s := w.origins; s != nil {
		counts.waits, counts.bans, counts.turnedAway = s.waits, s.bans, s.refusals
	}
	o := w.operator
	counts.listed, counts.kicked, counts.drained = o.listed, o.kicked, o.drained
	for _, c := range w.clients {
		if c.reason == causeDenied.words {
			counts.denied++
		}
		if c.next > 0 {
			counts.listeners++
			if c.begin < c.before {
				counts.replayed++
			}
		}
		if c.evicted {
			counts.evicted++
		}
		if _, isPersonal := w.keyring.passes[c.key]; isPersonal && c.joined {
			counts.personal++
		}
		if c.reason == causeRevoked.words {
			counts.revoked++
		}
		if c.reason == causeClosed.words || c.reason == causeRekeyed.words {
			counts.dismissed++
		}
		if c.joined && c.addr.IsValid() {
			counts.proxied++
		}
		if c.misled && c.cutOff() {
			counts.misled++
		}
		if c.web != nil && c.joined {
			counts.webSockets++
			counts.pongs += c.web.pongs
			counts.closeFrames += c.web.closeFrames
			if c.replaced {
				counts.replaced++
			}
			if n := c.web.numbers; n != nil {
				counts.named += n.named
				counts.gaps += n.gaps
				counts.cuts += n.cuts
				counts.missed += n.missed
			}
			if strings.HasPrefix(c.reason, "broke the rules") {
				counts.violations++
			}
		}
	}
	return counts
}

// reportFailure reports what a simulation panicked with, and how to see it again.
func reportFailure(t *testing.T, seed uint64) {
	again := fmt.Sprintf("replay it with: SOP_CHAT_SIM_SEED=%d go test ./internal/server -run '%s$'", seed, t.Name())
	switch problem := recover().(type) {
	case nil:
	case failure:
		t.Errorf("%s\n%s", problem, again)
	default:
		t.Log(again)
		panic(problem)
	}
}

// step does one thing: a loop turns, a client acts or connects, or time passes.
func (w *world) step() {
	switch {
	case w.alive() < w.config.clients && w.chance(20):
		w.connect()
	case w.chance(10):
		w.pass(time.Duration(w.rng.IntN(int(20 * time.Millisecond))))
	case w.chance(200):
		for d := w.rng.IntN(50); d >= 0; d-- {
			for range 50 { // with failures, it may never end
				if !w.busy((*simClient).isEager) {
					break
				}
			}
			w.pass(100 * time.Millisecond)
		}
	case w.chance(20):
		w.publishAll()
	case w.chance(5):
		w.relay()
	case w.chance(50): // at any time, not only when a trial has it change
		w.sending.inUse.Store(uint32(w.rng.IntN(2)))
	case w.chance(50):
		w.pool.Settle()
	case w.chance(200):
		w.handOver()
	case w.chance(500):
		w.setClock()
	case w.chance(500):
		w.standStill()
	case w.chance(500):
		w.change()
	case w.chance(200):
		w.operator.operate()
	case w.chance(2000), w.shared.draining.Load() && w.chance(50):
		w.drain()
	case w.chance(100), w.chance(20) && w.held() > 0:
		w.speak()
	case w.chance(500):
		w.setMotd()
	case w.chance(200):
		w.keyring.remove()
	case w.chance(20):
		w.keyring.answer()
	case w.origins != nil && w.chance(100):
		w.guessOnPage()
	case w.origins != nil && w.chance(1000):
		w.deny()
	case w.chance(2) && len(w.clients) > 0:
		c := w.clients[w.rng.IntN(len(w.clients))]
		for range 4 { // a client that is gone has little to do
			if !c.over() {
				break
			}
			c = w.clients[w.rng.IntN(len(w.clients))]
		}
		c.act()
	default:
		l := w.loops[w.rng.IntN(len(w.loops))]
		if l.kernel.(*simKernel).mayRun(l) || w.chance(100) {
			w.turn(l)
		}
	}
	w.check()
	w.operator.check()
}

// turn runs one wake-up of a loop.
func (w *world) turn(l *loop) {
	running, err := l.turn()
	if err != nil || !running {
		w.failf("a loop ends: running %v, error %v", running, err)
	}
	if l == w.loops[0] {
		w.speeches.takeAnswers(w)
	}
	for _, r := range w.rooms {
		if r.gate != nil {
			r.gate.read()
		}
	}
	w.readAll()
}

// pass lets time pass. Clients that read eagerly have read everything by then, and
// those that read slowly but steadily their part.
func (w *world) pass(d time.Duration) {
	for _, c := range w.clients {
		switch {
		case c.eager:
			c.read()
			if c.web != nil {
				c.push() // the pong
			}
		case c.steady:
			c.due += float64(steadyRate) * d.Seconds()
			c.take(int(c.due))
			c.due -= float64(int(c.due))
			if c.web != nil {
				c.push()
			}
		}
	}
	w.now = w.now.Add(d)
	for _, s := range w.fds {
		if s != nil {
			s.checkUserTimeout(w)
		}
	}
	w.readAll()
}

// held returns how many rooms are held.
func (w *world) held() int {
	n := 0
	for _, r := range w.rooms {
		if r.room.isHeld() {
			n++
		}
	}
	return n
}

// over reports whether a client has nothing more to do with the server.
func (c *simClient) over() bool {
	return c.cutOff() && len(c.socket.out) == 0
}

func (w *world) alive() int {
	n := 0
	for _, c := range w.clients {
		if !c.over() {
			n++
		}
	}
	return n
}

// check checks what holds after each step.
func (w *world) check() {
	members, assigned := 0, map[*Room]int64{}
	for _, l := range w.loops {
		for _, c := range l.table.conns {
			if c == nil {
				continue
			}
			a := l.audiences.at(c)
			switch {
			case a != nil:
				assigned[a.room]++
			case c.state == echoing:
				assigned[l.acceptor.byConn[c].room]++
			}
			if c.state == member || c.state == draining {
				members++
			}
			if c.state == member && (a.cursor == nil || c.cursor < a.cursor.Position()) {
				w.failf("the log is kept from %d, and %s is at %d", a.cursor.Position(), c.Name, c.cursor)
			}
		}
		for _, as := range l.inbox.waiting {
			if as.join != nil {
				assigned[as.room]++
			}
		}
		l.checkAudiences(w)
	}
	for _, r := range w.rooms {
		if taken := r.room.taken.Load(); taken != assigned[r.room] {
			w.failf("%d slots of %s are taken by %d clients", taken, r.room.name, assigned[r.room])
		}
		if names := &r.room.names; r.config.unique && int64(len(names.byConn)) != assigned[r.room] {
			w.failf("%d names of %s are taken by %d clients: %v", len(names.byConn), r.room.name, assigned[r.room], names.taken)
		}
		if r.config.slots > 0 && assigned[r.room] > int64(r.config.slots) {
			w.failf("%d clients are in a room of %d slots", assigned[r.room], r.config.slots)
		}
	}
	if waiting := w.waiting(); w.config.pending > 0 && waiting > burstFactor*w.config.pending {
		w.failf("%d connections wait to authenticate, with a bound of %d", waiting, w.config.pending)
	}
	for source, s := range w.loops[0].acceptor.late.sources {
		if each := w.config.perAddress; each > 0 && source.IsValid() && s.pending.Len() > each {
			w.failf("%d connections of %v are late, with a bound of %d", s.pending.Len(), source, each)
		}
	}
	if s := w.speeches.of; len(s.due) > 0 {
		if due := w.loops[0].deadline(); due.IsZero() || due.After(s.at) {
			w.failf("something is to be announced at %v, and the loop waits until %v", s.at, due)
		}
	}
	if n := w.open(); n < members {
		w.failf("%d members have %d descriptors", members, n)
	}
}

// checkAudiences checks that a loop has an audience for each room with members there, and
// no others.
func (l *loop) checkAudiences(w *world) {
	n := 0
	for i, a := range l.audiences.all {
		if a == nil {
			continue
		}
		n++
		if int(a.index) != i || l.audiences.of(a.room) != a || a.touched || len(a.members) == 0 {
			w.failf("audience %d of %s: index %d, touched %v, %d members", i, a.room.name, a.index, a.touched, len(a.members))
		}
		for j, c := range a.members {
			if c.audience != a.index || int(c.index) != j {
				w.failf("%s is member %d of audience %d, and believes to be %d of %d", c.Name, j, i, c.index, c.audience)
			}
		}
		if a.work == nil {
			continue
		}
		if due := a.deadline(); !a.woken.Load() && due != never && (a.due == never || a.due.After(due)) {
			w.failf("the audience of %s is due at %v, and scheduled for %v", a.room.name, due, a.due)
		}
	}
	if n+len(l.audiences.free) != len(l.audiences.all) {
		w.failf("%d audiences, %d free of %d", n, len(l.audiences.free), len(l.audiences.all))
	}
}

// rest lets the loops come to rest, without failures and in far less time than any
// of their limits, and checks that they have done all there is to do: nothing that
// needs a wake-up depends on one for another reason.
func (w *world) rest(reads func(*simClient) bool) {
	faults := w.faults
	w.faults = 0
	for range 15 { // longer than the pause after a shortage
		w.workOff(reads)
		w.pass(10 * time.Millisecond)
	}
	w.workOff(reads)
	w.faults = faults
	if len(w.arriving) > 0 {
		w.failf("%d connections wait to be accepted", len(w.arriving))
	}
	if n := len(w.handoff.waiting) + len(w.loops[0].acceptor.adopted); n > 0 {
		w.failf("%d connections wait to be adopted", n)
	}
	for _, l := range w.loops {
		for _, c := range l.table.conns {
			if c == nil || c.state < member {
				continue
			}
			if c.state == member && c.lag == nil && c.pongDue() {
				w.failf("%s is owed a pong", c.Name)
			}
			if !l.audiences.at(c).room.input().Held() && c.state == member && !c.paused && (c.hasReceived() || c.hasEnded()) {
				w.failf("what %s sent before it was a member is not read", c.Name)
			}
		}
	}
	w.checkRevoked()
	for _, r := range w.rooms {
		if r.link != nil {
			r.link.checkFreed()
		}
	}
	w.operator.checkRest()
	if n := len(w.speeches.waiting); n > 0 {
		w.failf("%d speeches wait to be said", n)
	}
	for _, c := range w.clients {
		s := c.socket
		open := s.fd >= 0
		if open && !c.room.room.input().Held() && !w.hasSentItsShare(s) && !w.isLimited(s) && !w.waitsForEnd(s) && (s.broken || c.joined && len(s.in) > 0) {
			w.failf("nothing happens: %v has %d bytes to be read, broken %v", c, len(s.in), s.broken)
		}
		if open && c.joined && reads(c) && !s.broken && !s.fin && !c.mayBeReplaced() {
			c.checkReceived()
		}
	}
}

// hasSentItsShare reports whether a member has to wait because the room is
// pressed: it has no share left, or has one again since the last tick.
func (w *world) hasSentItsShare(s *socket) bool {
	for _, l := range w.loops {
		if s.fd < len(l.table.conns) && l.table.conns[s.fd] != nil {
			c := l.table.conns[s.fd]
			a := l.audiences.at(c)
			return a != nil && a.work != nil && a.room.input().Pressed() && (a.shares.left(c) <= wire.Size || (c.paused || c.state == draining) && !a.shares.tickAt.IsZero())
		}
	}
	return false
}

// waitsForEnd reports whether the client's former connection has yet to end, or its key
// may not be looked at yet.
func (w *world) waitsForEnd(s *socket) bool {
	conns := w.loops[0].table.conns
	return s.fd < len(conns) && conns[s.fd] != nil && (conns[s.fd].state == waiting || conns[s.fd].state == delayed)
}

// waiting returns how many connections have not authenticated.
func (w *world) waiting() int {
	n := 0
	for _, c := range w.loops[0].table.conns {
		if c != nil && (c.state == pending || c.state == delayed) {
			n++
		}
	}
	return n
}

// settle lets every client finish: nothing fails any more, all of them read, and
// time passes until nothing is left to do.
func (w *world) settle() {
	w.faults = 0
	w.shared.draining.Store(false)
	for _, r := range w.rooms {
		if r.link != nil {
			r.link.awayUntil = time.Time{}
		}
	}
	w.rest((*simClient).isThere)
	for range 400 {
		w.workOff((*simClient).isThere)
		w.pass(100 * time.Millisecond)
	}
}

// workOff lets the loops and some of the clients do all that takes no time.
func (w *world) workOff(reads func(*simClient) bool) {
	for spins := 0; w.busy(reads); spins++ {
		if spins == 100_000 {
			w.failf("the loops never come to rest")
		}
	}
}

// busy does a part of that, and reports whether there was anything to do.
func (w *world) busy(reads func(*simClient) bool) bool {
	did := w.publishAll()
	did = w.relayAll() || did
	for w.keyring.answer() {
		did = true
	}
	for _, i := range w.rng.Perm(len(w.loops)) {
		if l := w.loops[i]; l.kernel.(*simKernel).mayRun(l) {
			w.turn(l)
			did = true
		}
	}
	for _, c := range w.clients {
		if !reads(c) {
			continue
		}
		if len(c.socket.out) > 0 {
			c.read()
			did = true
		}
		if before := len(c.sending); before > 0 {
			c.push()
			did = did || len(c.sending) < before
		}
	}
	return did
}

func (c *simClient) isEager() bool { return c.eager && !c.gone }
func (c *simClient) isThere() bool { return !c.gone }

// checkSettled checks what holds when every client has had time to finish.
func (w *world) checkSettled() {
	if n := w.held(); n > 0 {
		w.failf("%d rooms are still held", n)
	}
	if n := w.waiting(); n > 0 {
		w.failf("%d connections still wait to authenticate", n)
	}
	for _, c := range w.loops[0].table.conns {
		if c != nil && c.state == waiting {
			w.failf("%s still waits for the end of its former connection", c.Name)
		}
	}
	for _, r := range w.rooms {
		r.checkAnnounced()
	}
	w.identities.forget()
	if s := w.identities; len(s.byID) != len(s.byConn) || len(s.ready) > 0 {
		w.failf("%d identities are had by %d connections", len(s.byID), len(s.byConn))
	}
	for _, c := range w.clients {
		s := c.socket
		open := s.fd >= 0
		switch {
		case open && (s.fin || s.broken || s.epollFailed || c.web != nil && c.web.over):
			w.failf("%v is not closed though it ended: fin %v, broken %v, epollFailed %v", c, s.fin, s.broken, s.epollFailed)
		case open && c.room.closed && c.hasKey():
			w.failf("%v is there, and its room is not", c)
		case open && !c.joined:
			w.failf("%v neither joined nor was closed", c)
		case c.accepted && !open && !c.left:
			w.failf("%v was closed, and no notice says so", c)
		}
		if open {
			c.checkReceived()
		} else {
			c.checkEnded()
		}
		c.checkPublished()
	}
}

// checkEnded checks that a client was not disconnected without a reason.
func (c *simClient) checkEnded() {
	s := c.socket
	if c.web != nil && (c.web.over || c.reason == causeNoPong.words && !c.eager && !c.steady) {
		return
	}
	if c.reason == causeReplaced.words && c.mayBeReplaced() || c.reason == causeRecalled.words && c.isVoid {
		return
	}
	if c.joined && !s.fin && !s.broken && !s.epollFailed && !c.evicted && !c.dismissed() {
		c.world.failf("%v was healthy and was disconnected", c)
	}
}

// checkReceived checks that a client in the room has received all it must.
func (c *simClient) checkReceived() {
	w := c.world
	if !c.echoed {
		w.failf("%v is in the room and has no echo", c)
	}
	c.start()
	if c.web != nil && c.web.numbers != nil {
		c.web.numbers.checkSettled(c)
	} else if len(c.motd) > 0 {
		w.failf("%v has not received %d messages of the day", c, len(c.motd))
	}
	order := c.room.oracle.order
	if missed := c.room.oracle.next(c.next, c); missed < len(order) {
		w.failf("%v has not received message %d of %d: %d of %v", c, missed, len(order), order[missed].number, order[missed].client)
	}
}

// checkPublished checks that all a client sent was published, unless its
// connection failed.
func (c *simClient) checkPublished() {
	s := c.socket
	if !c.joined || s.readError || s.epollFailed || c.evicted || c.dismissed() || c.isVoid {
		return
	}
	if sent := c.whole - 1; c.published != sent {
		c.world.failf("%v sent %d whole messages and %d were published", c, sent, c.published)
	}
}

// shutdown stops the server and checks that nothing is left of it.
func (w *world) shutdown() {
	w.stop.Store(true)
	for _, l := range w.loops {
		if running, err := l.turn(); running || err != nil {
			w.failf("a loop that is to stop does not: %v", err)
		}
	}
	for _, l := range w.loops {
		l.shutdown()
	}
	for _, r := range w.rooms {
		r.shutdown()
	}
	if w.memory != nil && w.memory.inUse != 0 {
		w.failf("%d segments are left", w.memory.inUse)
	}
	if n := w.open(); n != 0 {
		w.failf("%d descriptors are left", n)
	}
	for i, l := range w.loops {
		if n := l.inbox.assigned.Load(); n != 0 {
			w.failf("loop %d believes that it has %d members", i, n)
		}
	}
	for _, c := range w.clients {
		if c.accepted && !c.left {
			w.failf("%v never left", c)
		}
	}
	if n := len(w.passes.byConn) + len(w.passes.revoked); n > 0 {
		w.failf("%d passes are left", n)
	}
}
