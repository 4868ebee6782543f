package broadcast

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// Whatever appenders and readers do in a room, as long as appenders ask Held:
// every reader gets everything that it must, in one order, with senders and times,
// and nothing twice; a reader that may skip is told exactly what it missed; the
// room is pressed and held exactly when the rule says so; and memory stays bounded.
func TestLogIsItsHistory(t *testing.T) { rapid.Check(t, logIsItsHistory) }

// FuzzLogIsItsHistory has the fuzzer choose the steps.
func FuzzLogIsItsHistory(f *testing.F) { f.Fuzz(rapid.MakeFuzz(logIsItsHistory)) }

func logIsItsHistory(t *rapid.T) {
	m := newMachine(t)
	actions := rapid.StateMachineActions(m)
	// The commonest actions are drawn more often.
	for _, again := range []string{"1", "2", "3"} {
		actions["Append"+again] = m.Append
		actions["Read"+again] = m.Read
		actions["Next"+again] = m.Next
		actions["GoAhead"+again] = m.GoAhead
		actions["Publish"+again] = m.Publish
		actions["Settle"+again] = m.Settle
		actions["Yield"+again] = m.Yield
	}
	t.Repeat(actions)
	m.finish(t)
}

// A machine is a log on which anything is done, step by step, beside the model it
// has to follow. An action that is not possible at some step does nothing and is
// not skipped, because the fuzzer would try it again and again.
type machine struct {
	history
	log       *Log
	memory    *trackedMemory
	lent      []lentStretch
	backlog   uint64
	kept      int    // messages, for clients that join again
	replayed  int    // of them, to those that join
	first     uint64 // the number of the first message
	forgotten int    // messages
	crowded   bool   // many other logs of the pool use memory
	isFlood   bool   // in the time that was measured last
	measured  time.Time
	counted   int // messages until then
	written   int // messages are elsewhere, too; -1: that was never said
	batch     int // the most messages in a batch
	segments  int // the most segments in the log
	mayAppend [2]bool
	loops     []*loop
	joins     []*Cursor // join cursors, which keep the log for future clients
	followers []*modelFollower
	gate      *modelFollower // nil if there is none
	pressed   bool
	held      bool
	now       time.Time
}

// A loop is clients that share a cursor.
type loop struct {
	cursor  *Cursor
	at      Position
	clients []*client
	woken   int
}

// A lentStretch is a stretch of the log that was lent, and what it held then.
type lentStretch struct {
	stretch []byte
	was     string
}

func newMachine(t *rapid.T) *machine {
	m := &machine{now: time.Unix(1000, 0), measured: time.Unix(0, 0), written: -1}
	m.batch = rapid.IntRange(1, 150).Draw(t, "messages a batch")
	m.backlog = 4 * wire.Size * rapid.Uint64Range(1, 100).Draw(t, "quarter of the backlog")
	slack := len(m.mayAppend) * m.batch * wire.Size
	m.segments = 1 + (int(m.backlog)+slack+SegmentSize-1)/SegmentSize
	m.memory = newTrackedMemory(t)
	m.log = NewIn(m.memory, int(m.backlog), slack)
	m.kept = rapid.IntRange(0, MaxRetained(int(m.backlog))).Draw(t, "messages kept")
	m.replayed = rapid.IntRange(0, m.kept).Draw(t, "messages replayed")
	m.log.Retain(m.kept, m.replayed)
	if m.crowded = rapid.Bool().Draw(t, "crowded"); m.crowded {
		m.log.pool.inUse.Add(crowd)
	}
	m.first = rapid.Uint64Range(1, 1000).Draw(t, "first number")
	m.log.SetFirst(m.first)
	if rapid.Bool().Draw(t, "gate") {
		m.gate = newGate(m.log, &m.history)
		m.gate.limit = m.backlog
	}
	m.JoinLoop(t)
	return m
}

// AskHeld is what an appender does before it reads from its senders. It may then
// append one batch, however much later.
func (m *machine) AskHeld(t *rapid.T) {
	i := rapid.IntRange(0, len(m.mayAppend)-1).Draw(t, "appender")
	m.mayAppend[i] = !m.log.Held()
}

func (m *machine) Append(t *rapid.T) {
	i := rapid.IntRange(0, len(m.mayAppend)-1).Draw(t, "appender")
	if !m.mayAppend[i] && m.log.Held() {
		return // held
	}
	m.mayAppend[i] = false

	b := NewBatch(m.batch * wire.Size)
	m.now = m.now.Add(pick(t, "pause", time.Millisecond, time.Millisecond, time.Millisecond, floodTime))
	thinned, segments := m.thinned(), m.log.nextLive
	for left := rapid.IntRange(1, m.batch).Draw(t, "messages"); left > 0; {
		from := pick(t, "sender", alice, bob, carol)
		run := rapid.IntRange(1, left).Draw(t, "run")
		for range run {
			put(b, from, len(m.messages))
			m.messages = append(m.messages, sent{from, m.now})
			if m.gate != nil {
				m.hidden++
			}
		}
		left -= run
	}
	oldest, before := min(m.log.oldest(anyCursor), m.back(m.allKept())), m.positions()
	m.log.Append(b, m.now)
	if b.Len() != 0 {
		t.Fatalf("%d bytes are in the batch after Append", b.Len())
	}
	if m.log.nextLive != segments {
		m.forgotten = max(m.forgotten, thinned)
	}
	m.measure()
	m.giveWay()
	// A follower that may skip is moved only if there is no memory otherwise.
	needed := (uint64(m.end())-1)/SegmentSize - uint64(oldest)/SegmentSize + 1
	if !slices.Equal(before, m.positions()) && needed <= uint64(m.segments) {
		t.Fatalf("a reader was moved when the log needed %d of its %d segments", needed, m.segments)
	}
	m.restrain()
	caller := pick(t, "loop of the appender", m.loops...)
	m.wakes(t, func() { m.log.Wake(caller.cursor) }, func(l *loop) bool { return l != caller && m.gate == nil })
}

func (m *machine) JoinLoop(t *rapid.T) {
	if len(m.loops) == 3 {
		return // enough loops
	}
	l := &loop{at: m.head()}
	l.cursor = m.log.Join(func() { l.woken++ })
	m.loops = append(m.loops, l)
	m.joinClient(t, l)
}

func (m *machine) LeaveLoop(t *rapid.T) {
	if len(m.loops) == 1 {
		return // the last loop stays
	}
	i := rapid.IntRange(0, len(m.loops)-1).Draw(t, "loop")
	l := m.loops[i]
	m.loops = slices.Delete(m.loops, i, i+1)
	m.moves(t, l.cursor.Leave)
}

func (m *machine) JoinClient(t *rapid.T) {
	l := pick(t, "loop", m.loops...)
	if len(l.clients) == 3 {
		return // enough clients
	}
	m.joinClient(t, l)
}

func (m *machine) joinClient(t *rapid.T, l *loop) *client {
	c := newClient(&m.history, pick(t, "client", nil, alice, bob, carol))
	l.clients = append(l.clients, c)
	return c
}

// ReserveJoin adds a join cursor for a future client: at the head, at the beginning of
// what is replayed, or after what it has.
func (m *machine) ReserveJoin(t *rapid.T) {
	if len(m.joins) == 2 {
		return // enough join cursors
	}
	var join *Cursor
	var want Position
	switch rapid.IntRange(0, 2).Draw(t, "where") {
	case 0:
		join, want = m.log.Join(func() {}), m.head()
	case 1:
		join, want = m.log.JoinBack(func() {}), m.back(m.replayed)
	case 2:
		messages := uint64(m.head() / wire.Size)
		has := rapid.Uint64Range(0, m.first+messages+10).Draw(t, "number that it has")
		join, want = m.log.JoinAfter(has, func() {}), m.back(m.allKept())
		if has >= m.first { // it has messages of the room
			want = max(want, Position(min(has-m.first+1, messages)*wire.Size))
		}
		if number := m.log.Number(join.Position()); number != m.first+uint64(want/wire.Size) {
			t.Fatalf("position %d has the number %d", join.Position(), number)
		}
	}
	if join.Position() != want {
		t.Fatalf("a join cursor is at %d, want %d; the head is %d", join.Position(), want, m.head())
	}
	m.joins = append(m.joins, join)
}

// giveWay forgets what is retained and has no space because the gate lags.
func (m *machine) giveWay() {
	segments := int(m.end()-1)/SegmentSize + 1
	if int(m.back(m.allKept()))/SegmentSize < segments-m.segments {
		m.forgotten = max(m.forgotten, (segments-m.segments)*segmentMessages)
	}
}

// thinned returns how many messages are forgotten when the log needs another segment,
// or may give its memory to others, because the pool is crowded and the log is flooded.
func (m *machine) thinned() int {
	oldest, keep := m.back(m.allKept()), m.back(m.replayed)
	if m.written >= 0 {
		keep = min(keep, Position(m.written)*wire.Size)
	}
	isPacked := m.log.packed != nil && oldest < m.log.packed.to
	if !m.crowded || !m.isFlood || isPacked {
		return 0
	}
	return int(keep / wire.Size)
}

// measure finds out whether the log is flooded.
func (m *machine) measure() {
	if took := m.now.Sub(m.measured); took >= floodTime {
		m.isFlood = float64(len(m.messages)-m.counted)/floodMessages >= float64(took)/float64(floodTime)
		m.measured, m.counted = m.now, len(m.messages)
	}
}

// Yield has the log give its memory to others if it has to.
func (m *machine) Yield(t *rapid.T) {
	isRead := m.hidden == 0 && m.log.oldest(anyCursor) == m.head()
	if isRead && len(m.memory.taken) > 0 {
		m.forgotten = max(m.forgotten, m.thinned())
	}
	m.log.Yield()
	if taken := len(m.memory.taken); taken > 0 && m.crowded && isRead && m.isFlood && m.back(m.allKept()) == m.head() {
		t.Fatalf("a flooded log of which nothing is to be read has %d segments", taken)
	}
}

// KeepFrom says that some more messages are elsewhere, too.
func (m *machine) KeepFrom(t *rapid.T) {
	m.forgotten = max(m.forgotten, int(m.back(m.allKept())/wire.Size))
	m.written = rapid.IntRange(max(0, m.written), m.published()).Draw(t, "messages that are elsewhere")
	m.log.KeepFrom(Position(m.written) * wire.Size)
}

// allKept returns how many messages are kept.
func (m *machine) allKept() int {
	if m.written < 0 {
		return m.kept
	}
	return max(m.kept, min(m.published()-m.written, MaxRetained(int(m.backlog))))
}

// back returns where the last messages begin, without those that are forgotten.
func (m *machine) back(messages int) Position {
	return max(m.head()-min(m.head(), Position(messages)*wire.Size), min(m.head(), Position(m.forgotten)*wire.Size))
}

// Forget has some more messages be forgotten.
func (m *machine) Forget(t *rapid.T) {
	if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
		m.forgotten = max(m.forgotten, rapid.IntRange(0, m.published()+1).Draw(t, "messages"))
		m.log.Forget(Position(m.forgotten) * wire.Size)
	}
}

// Admit has a client join at a join cursor. Its loop's cursor may have to move back
// there.
func (m *machine) Admit(t *rapid.T) {
	l := pick(t, "loop", m.loops...)
	if len(m.joins) == 0 || len(l.clients) == 3 {
		return // no client to admit, or no loop for it
	}
	join := m.joins[0]
	m.joins = m.joins[1:]
	c := m.joinClient(t, l)
	c.at, c.next = join.Position(), int(join.Position()/wire.Size)
	m.advance(t, l)
	m.moves(t, join.Leave)
}

func (m *machine) LeaveClient(t *rapid.T) {
	l := pick(t, "loop", m.loops...)
	if len(l.clients) == 0 {
		return // no clients
	}
	i := rapid.IntRange(0, len(l.clients)-1).Draw(t, "client")
	l.clients = slices.Delete(l.clients, i, i+1)
}

// Read has a client take some of what there is, up to a head that may be an older
// one. Its loop may move its cursor later.
func (m *machine) Read(t *rapid.T) {
	l := pick(t, "loop", m.loops...)
	if len(l.clients) > 0 {
		c := pick(t, "client", l.clients...)
		oldest := uint64(c.at+wire.Size-1) / wire.Size
		to := m.head()
		if rapid.Bool().Draw(t, "older head") {
			to = wire.Size * Position(rapid.Uint64Range(oldest, uint64(to)/wire.Size).Draw(t, "head"))
		}
		if rapid.Bool().Draw(t, "by reference") {
			m.lend(c.at, to)
		}
		most := rapid.IntRange(0, 10).Draw(t, "stretches")
		c.read(t, m.log, &m.history, to, most, func(total int) int {
			if rapid.Bool().Draw(t, "all") {
				return total
			}
			return rapid.IntRange(0, total).Draw(t, "bytes")
		})
	}
	if rapid.Bool().Draw(t, "advance") {
		m.advance(t, l)
	}
}

// lend lends a part of the log, and records what its readers must find there at any
// later time.
func (m *machine) lend(from, to Position) {
	m.log.Lend(from, to)
	stretches, _ := m.log.Gather(make([][]byte, 0, 100), from, to, nil)
	for _, s := range stretches {
		m.lent = append(m.lent, lentStretch{s, string(s)})
		m.memory.lent[&m.log.segmentAt(from).data[0]] = true
		from += Position(len(s))
	}
}

// advance moves a loop's cursor to its client furthest back.
func (m *machine) advance(t *rapid.T, l *loop) {
	l.at = m.head()
	for _, c := range l.clients {
		l.at = min(l.at, c.at)
	}
	m.moves(t, func() { l.cursor.Advance(l.at) })
}

func (m *machine) Follow(t *rapid.T) {
	if len(m.followers) == 4 {
		return // enough followers
	}
	f := newModelFollower(m.log, &m.history, rapid.Bool().Draw(t, "may skip"))
	f.limit = m.backlog
	m.followers = append(m.followers, f)
}

// Limit changes a follower's limit.
func (m *machine) Limit(t *rapid.T) {
	all := slices.DeleteFunc(append(m.gates(), m.followers...), func(f *modelFollower) bool { return f.maySkip })
	if len(all) == 0 {
		return // no followers
	}
	f := pick(t, "follower", all...)
	limit := rapid.Uint64Range(0, m.backlog+wire.Size).Draw(t, "limit")
	f.limit, f.holdsOnly = m.backlog, limit == 0
	if limit > 0 {
		f.limit = min(limit, m.backlog)
	}
	m.moves(t, func() { f.follower.Limit(int(limit)) })
}

func (m *machine) Unfollow(t *rapid.T) {
	if len(m.followers) == 0 {
		return // no followers
	}
	i := rapid.IntRange(0, len(m.followers)-1).Draw(t, "follower")
	f := m.followers[i]
	m.followers = slices.Delete(m.followers, i, i+1)
	m.moves(t, f.follower.Close)
}

func (m *machine) Next(t *rapid.T) {
	if len(m.followers) == 0 {
		return // no followers
	}
	f := pick(t, "follower", m.followers...)
	most := rapid.IntRange(1, 200).Draw(t, "entries")
	m.moves(t, func() { f.read(t, &m.history, most) })
}

// GoAhead has the gate read some of what only it may read.
func (m *machine) GoAhead(t *rapid.T) {
	if m.gate == nil {
		return // no gate
	}
	most := rapid.IntRange(1, 200).Draw(t, "entries")
	m.moves(t, func() { m.gate.read(t, &m.history, most) })
}

// Publish has the gate publish what it has read.
func (m *machine) Publish(t *rapid.T) {
	if m.gate == nil {
		return // no gate
	}
	before := m.hidden
	m.hidden = len(m.messages) - m.gate.next
	ends := m.ends()
	m.wakes(t, m.gate.follower.Publish, func(*loop) bool { return m.hidden != before || ends })
	m.relax()
}

// CloseGate closes the gate, which publishes all there is.
func (m *machine) CloseGate(t *rapid.T) {
	if m.gate == nil || !rapid.Bool().Draw(t, "really") {
		return // no gate, or not yet
	}
	gate := m.gate
	m.gate, m.hidden = nil, 0
	m.wakes(t, gate.follower.Close, func(*loop) bool { return true })
	m.relax()
}

// Announce announces a few notices, and now and then more than the log keeps.
func (m *machine) Announce(t *rapid.T) {
	n := pick(t, "notices", 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 63, 64, 65, 130, noticesKept+1)
	m.wakes(t, func() {
		for range n {
			m.announce(m.log)
		}
	}, func(*loop) bool { return false })
}

// Settle has the log give its memory back if it was not used since the last time, and
// all readers have read everything.
func (m *machine) Settle(t *rapid.T) {
	settles := !m.log.used && m.hidden == 0 && m.log.oldest(anyCursor) == m.head()
	m.log.pool.Settle()
	if taken := len(m.memory.taken); settles && taken > 0 {
		t.Fatalf("a log that nobody uses has %d segments", taken)
	}
}

// Check compares the log's state with what the rule and the history say.
func (m *machine) Check(t *rapid.T) {
	if head, end := m.log.Head(), m.log.End(); head != m.head() || end != m.end() {
		t.Fatalf("the head is %d and the end %d, want %d and %d", head, end, m.head(), m.end())
	}
	if got := m.log.Held(); got != m.held {
		t.Fatalf("Held() = %v with an end of %d and a backlog of %d; want %v", got, m.end(), m.backlog, m.held)
	}
	if got := m.log.Pressed(); got != m.pressed {
		t.Fatalf("Pressed() = %v with an end of %d and a backlog of %d; want %v", got, m.end(), m.backlog, m.pressed)
	}
	if got, want := m.log.Space(), m.space(); m.pressed && got != want {
		t.Fatalf("Space() = %d, want %d", got, want)
	}
	if !m.pressed && m.log.Headroom() > m.headroom() {
		t.Fatalf("Headroom() = %d, and the room is pressed after %d", m.log.Headroom(), m.headroom())
	}
	checkMemory(t, m.log, m.segments)
}

// finish has all readers read to the end and leave.
func (m *machine) finish(t *rapid.T) {
	if m.gate != nil {
		for more := true; more; {
			m.moves(t, func() { more = m.gate.read(t, &m.history, 200) })
		}
		m.Publish(t)
	}
	for _, l := range m.loops {
		for _, c := range l.clients {
			c.read(t, m.log, &m.history, m.head(), len(m.messages), func(total int) int { return total })
			if c.at != m.head() {
				t.Fatalf("a client that read all is at %d, want %d", c.at, m.head())
			}
		}
		m.advance(t, l)
	}
	for _, f := range m.followers {
		for more := true; more; {
			m.moves(t, func() { more = f.read(t, &m.history, 200) })
		}
	}
	for len(m.joins) > 0 {
		join := m.joins[0]
		m.joins = m.joins[1:]
		m.moves(t, join.Leave)
	}
	m.Check(t)
	if m.held || m.pressed {
		t.Fatalf("the room is held %v, pressed %v though no reader lags", m.held, m.pressed)
	}
	m.log.Close()
	for _, l := range m.loops {
		l.cursor.Leave()
	}
	for _, f := range m.followers {
		f.follower.Close()
	}
	if m.gate != nil {
		m.gate.follower.Close()
	}
	if len(m.memory.taken) > 0 {
		t.Fatal("a closed log has memory though all have left")
	}
	for _, lentStretch := range m.lent {
		if string(lentStretch.stretch) != lentStretch.was {
			t.Fatal("what was lent has changed")
		}
	}
}

// A lag is how far a reader that must not lose anything is behind the end, and
// how far it may be.
type lag struct {
	behind, limit uint64
	holdsOnly     bool
}

// lags returns the lags of all such readers, and that of what is not published.
func (m *machine) lags() []lag {
	end := m.end()
	all := []lag{{uint64(end - m.head()), m.backlog, false}}
	for _, l := range m.loops {
		all = append(all, lag{uint64(end - l.at), m.backlog, false})
	}
	for _, join := range m.joins {
		all = append(all, lag{uint64(end - join.Position()), m.backlog, false})
	}
	for _, f := range append(m.followers, m.gates()...) {
		if !f.maySkip {
			all = append(all, lag{uint64(end - Position(f.next)*wire.Size), f.limit, f.holdsOnly})
		}
	}
	return all
}

func (m *machine) gates() []*modelFollower {
	if m.gate == nil {
		return nil
	}
	return []*modelFollower{m.gate}
}

// low returns from where on a reader presses the room.
func (l lag) low() uint64 {
	if l.holdsOnly {
		return l.limit
	}
	return l.limit / 2
}

// keepsHeld reports whether the reader keeps a hold going: it is not yet a segment,
// or a quarter of a small limit, below the limit.
func (l lag) keepsHeld() bool { return l.behind > l.limit-min(l.limit/4, SegmentSize) }

// keepsPressed reports whether the reader keeps the room pressed: it is not yet an
// eighth below the low watermark.
func (l lag) keepsPressed() bool {
	if l.holdsOnly { // it keeps the hold, and with that the pressure
		return l.behind > l.limit
	}
	return l.behind > l.low()-l.low()/8
}

// restrain does what an append does if readers lag.
func (m *machine) restrain() {
	for _, l := range m.lags() {
		m.pressed = m.pressed || l.behind >= l.low()
		m.held = m.held || l.behind >= l.limit
	}
}

// ends reports whether a hold, or the pressure, has to end.
func (m *machine) ends() bool {
	staysHeld, staysPressed := m.stays()
	return m.held && !staysHeld || m.pressed && !staysPressed
}

// stays reports whether the room stays held, or pressed, which it is while it is held.
func (m *machine) stays() (held, pressed bool) {
	held = m.held && slices.ContainsFunc(m.lags(), lag.keepsHeld)
	return held, m.pressed && (held || slices.ContainsFunc(m.lags(), lag.keepsPressed))
}

// relax ends it.
func (m *machine) relax() {
	m.held, m.pressed = m.stays()
}

// space returns how much may be appended before the room is held for a reader that
// moves.
func (m *machine) space() int {
	space := int(m.backlog)
	for _, l := range m.lags() {
		if !l.holdsOnly {
			space = min(space, max(0, int(l.limit)-int(l.behind)))
		}
	}
	return space
}

// headroom returns how much may be appended before the room is pressed.
func (m *machine) headroom() int {
	headroom := int(m.backlog)
	for _, l := range m.lags() {
		headroom = min(headroom, max(0, int(l.low())-int(l.behind)))
	}
	return headroom
}

// moves does what may end a hold or the pressure, and checks that all loops are
// woken if it does, and none if it doesn't.
func (m *machine) moves(t *rapid.T, move func()) {
	m.wakes(t, move, func(*loop) bool { return m.ends() })
	m.relax()
}

// wakes does something and checks which loops it woke.
func (m *machine) wakes(t *rapid.T, do func(), want func(*loop) bool) {
	for _, l := range m.loops {
		l.woken = 0
	}
	do()
	for i, l := range m.loops {
		if woken := l.woken > 0; woken != want(l) {
			t.Fatalf("loop %d woken: %v, want %v", i, woken, want(l))
		}
	}
}

// pick draws one of several.
func pick[T any](t *rapid.T, label string, all ...T) T {
	return all[rapid.IntRange(0, len(all)-1).Draw(t, label)]
}

// positions returns where all readers are.
func (m *machine) positions() []Position {
	var all []Position
	for _, c := range *m.log.readers.Load() {
		all = append(all, c.Position())
	}
	return all
}
