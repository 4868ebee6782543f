package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// The simulation drives the cores of several servers over a model of the stream, step by step, as a
// seed says: what is published is lost, or arrives late, or its acknowledgement is lost; answers are old; readers miss
// messages, read some twice, and are opened again; servers are killed, stopped, started again with and
// without a history, upgraded, and have twins; the stream drops what is old; rooms refuse what they get.
// After each step, what each room has is compared with what is in the stream.

const (
	simSteps   = "SOP_CHAT_CLUSTER_STEPS"
	simSeed    = "SOP_CHAT_CLUSTER_SEED"
	simReplay  = 5
	simKeep    = 10 * time.Minute
	simLatest  = time.Minute // nothing is under way for longer
	simServers = 3
)

var simRooms = []string{"lobby", "a room", "third"}

func TestSimulation(t *testing.T) {
	steps, seed := 50_000, rand.Uint64()
	for name, set := range map[string]func(uint64){
		simSteps: func(n uint64) { steps = int(n) }, simSeed: func(n uint64) { seed = n },
	} {
		if value := os.Getenv(name); value != "" {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			set(n)
		}
	}
	w := newWorld(t, seed)
	defer func() {
		if t.Failed() {
			t.Logf("again: %s=%d %s=%d, failed at step %d", simSeed, seed, simSteps, steps, w.steps)
		}
	}()
	for w.steps < steps {
		w.step()
	}
	w.settle()
	t.Logf("%d steps: %v", w.steps, w.counts)
	if steps < 200_000 { // not all happens in each short run
		return
	}
	for _, what := range []string{
		"said", "published", "lost", "late", "unacknowledged", "wrong last", "gap", "twice", "reopened", "refused", "killed", "upgraded",
		"stopped", "dropped", "fenced", "name taken", "renewed", "rewound", "too far behind",
	} {
		if w.counts[what] == 0 {
			t.Errorf("nothing was %s", what)
		}
	}
}

// A simServer is a process of a server.
type simServer struct {
	*core
	name    string
	rooms   map[string]*fakeRoom
	checked map[string]int
	said    map[string]int
	members []*broadcast.Sender
	stopped bool
	created time.Time
}

// A flight is an attempt to publish that is under way.
type flight struct {
	server *simServer // nil if it does not wait for an answer any more
	publishAction
	since time.Time
}

// A canon is what is in the stream of a room.
type canon struct {
	first, last uint64 // of the sequences
	number      uint64 // of the first message
	texts       []string
	counters    map[string]int // of each process, what it said last
}

type world struct {
	t       testing.TB
	rng     *rand.Rand
	model   *model
	now     time.Time
	servers []*simServer
	flights []flight
	canons  map[string]*canon
	read    uint64 // of the stream, by the canons
	steps   int
	serial  int
	depth   int
	isQuiet bool // there are no faults
	counts  map[string]int
	said    map[string]map[string]*statement // by room and text; nil: not recorded
}

// A statement is what a member said, and when, in steps.
type statement struct {
	at, back int64  // when it came back to its own server; 0: it did not
	number   uint64 // that it had then
}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1000, 0), counts: make(map[string]int), canons: make(map[string]*canon)}
	w.model = newModel(func() time.Time { return w.now })
	w.model.keep = simKeep
	fault := func() error {
		if w.chance(0.02) {
			return errNetwork
		}
		return nil
	}
	w.model.before, w.model.after = fault, fault
	for _, name := range simRooms {
		w.canons[name] = &canon{counters: make(map[string]int)}
	}
	return w
}

func (w *world) chance(p float64) bool { return !w.isQuiet && w.rng.Float64() < p }

// step does one of the things that may happen.
func (w *world) step() {
	w.steps++
	w.now = w.now.Add(time.Duration(w.rng.IntN(200)) * time.Millisecond)
	w.act()
	switch n := w.rng.IntN(1000); {
	case n < 350:
		if s := w.any(); s != nil {
			w.deliverNext(s)
		}
	case n < 600:
		w.fly()
	case n < 750:
		if s := w.any(); s != nil && !w.isQuiet {
			w.say(s)
		}
	case n < 900:
		if s := w.any(); s != nil {
			w.check(s, s.tick(w.now))
		}
	case n < 950:
		if s := w.any(); s != nil {
			r := s.rooms[simRooms[w.rng.IntN(len(simRooms))]]
			if r.refuses = !r.refuses && !w.isQuiet; r.refuses {
				w.counts["refused"]++
			}
			w.check(s, s.freed())
		}
	case n < 960:
		if len(w.servers) < simServers {
			if name := fmt.Sprint("server ", w.rng.IntN(simServers)); w.count(name) == 0 {
				w.start(name)
			}
		}
	case n < 970:
		if s := w.anyOne(); s != nil && (s.stopped || w.chance(0.1)) {
			s.stopped = !s.stopped
			w.counts["stopped"]++
		}
	case n < 975:
		if s := w.any(); s != nil {
			w.upgrade(s)
		}
	case n < 978:
		if s := w.anyOne(); s != nil && w.chance(0.1) {
			w.kill(s)
			w.counts["killed"]++
		}
	case n < 980:
		before := w.model.first
		if w.model.drop(); w.model.first > before {
			w.counts["dropped"]++
		}
	case n < 981:
		if s := w.any(); s != nil && w.chance(0.3) {
			w.start(s.name) // a twin
		}
	case n < 982:
		if w.chance(0.1) {
			w.counts["long pause"]++
			if w.rng.IntN(2) == 0 {
				for len(w.servers) > 0 {
					w.kill(w.servers[0])
				}
			}
			w.now = w.now.Add(simKeep + time.Minute)
			for _, f := range w.flights {
				if f.server != nil {
					f.server.published(f.publishAction, errNetwork)
				}
			}
			w.flights = nil
			w.model.drop()
			for _, s := range slices.Clone(w.servers) {
				if s.closed(); !s.wasOpened { // it takes no ten minutes to start
					w.kill(s)
				}
			}
		}
	}
	w.act()
	w.readCanons()
	for _, s := range w.servers {
		w.compare(s)
	}
}

// any returns a server that is not stopped, or nil.
func (w *world) any() *simServer {
	if s := w.anyOne(); s != nil && !s.stopped {
		return s
	}
	return nil
}

func (w *world) anyOne() *simServer {
	if len(w.servers) == 0 {
		return nil
	}
	return w.servers[w.rng.IntN(len(w.servers))]
}

func (w *world) say(s *simServer) {
	i := w.rng.IntN(len(simRooms))
	if i == w.steps/10_000%4 { // is silent for a while
		return
	}
	name := simRooms[i]
	for range w.rng.IntN(4) {
		s.said[name]++
		text := fmt.Sprintf("%x/%d", s.instance[:4], s.said[name])
		s.rooms[name].say(s.members[w.rng.IntN(len(s.members))], text)
		if w.said != nil {
			w.said[name][text] = &statement{at: int64(w.steps)}
		}
		w.counts["said"]++
	}
	s.publish(s.core.rooms[token(name)])
}

// act does what the cores want done.
func (w *world) act() {
	for _, s := range slices.Clone(w.servers) {
		for len(s.actions) > 0 && slices.Contains(w.servers, s) {
			action := s.actions[0]
			s.actions = s.actions[1:]
			switch a := action.(type) {
			case publishAction:
				w.flights = append(w.flights, flight{s, a, w.now})
			case askAction:
				last, info, err := w.ask(a.subject)
				w.check(s, s.answered(a.room, last, info, err))
			case catchAction:
				m, err := w.model.Next(context.Background(), s.prefix+"."+token(a.room.name)+".*", a.from)
				w.check(s, s.caught(a.room, m, w.model.first, err))
			case claimAction:
				_, _ = w.model.Publish(context.Background(), a.subject, a.last, a.data)
				s.reclaimed()
			}
		}
	}
}

// ask answers as the leader, or as one that was it.
func (w *world) ask(subject string) (uint64, Info, error) {
	if w.chance(0.1) {
		return 0, Info{}, errNetwork
	}
	to := w.model.last()
	if w.chance(0.1) {
		to -= min(uint64(w.rng.IntN(20)), to-w.model.first+1)
		w.counts["old answer"]++
	}
	m, _ := w.model.lastOf(subject, to)
	return m.Seq, w.model.info(to), nil
}

// fly has something that is under way get on, or not.
func (w *world) fly() {
	if len(w.flights) == 0 {
		return
	}
	i := w.rng.IntN(len(w.flights))
	f := w.flights[i]
	isOver, isAnswered := true, true
	var err error
	switch {
	case f.server == nil && w.now.Sub(f.since) > simLatest, w.chance(0.05):
		err = errNetwork
		w.counts["lost"]++
	case f.server != nil && w.chance(0.1): // it comes later
		err = errNetwork
		isOver = false
	default:
		if _, err = w.model.append(f.subject, f.last, f.data); err == nil {
			w.counts["published"]++
			if b, _ := parse(f.data); b.count == 0 {
				w.counts["renewed"]++
			}
		} else {
			w.counts["wrong last"]++
		}
		if f.server == nil {
			w.counts["late"]++
		} else if w.chance(0.1) {
			err = errNetwork
			w.counts["unacknowledged"]++
		}
		if w.chance(0.1) {
			isAnswered = false // or it is told later, after it has come back
			w.flights[i].last = ^uint64(0)
		}
	}
	if isAnswered && f.server != nil && slices.Contains(w.servers, f.server) {
		f.server.published(f.publishAction, err)
	}
	if f.server == nil || isAnswered {
		w.flights[i].server = nil
	}
	if isOver && (f.server == nil || isAnswered) {
		w.flights = slices.Delete(w.flights, i, i+1)
	}
}

// deliverNext has a server read the next message, or what a bad reader gives it.
func (w *world) deliverNext(s *simServer) {
	if !s.wantsMore() {
		return
	}
	if !s.isReading {
		var at Message
		position := max(s.position, 1)
		_, info, err := w.ask("")
		if err != nil {
			return
		}
		if position <= info.Last && position >= w.model.first {
			at = w.model.all[position-1]
		}
		_, err = s.opened(info, s.created, at)
		w.check(s, err)
		w.counts["reopened"]++
		return
	}
	next := max(s.position+1, w.model.first)
	switch {
	case w.chance(0.01):
		s.closed()
		return
	case w.chance(0.01):
		next++
	case w.chance(0.01) && next > w.model.first:
		next--
		w.counts["twice"]++
	}
	if next > w.model.last() || next == 0 {
		return
	}
	isNext, err := s.receive(w.model.all[next-1])
	if !isNext {
		s.closed()
		w.counts["gap"]++
	}
	w.check(s, err)
}

// check takes the error of a core, which ends it.
func (w *world) check(s *simServer, err error) {
	switch {
	case err == nil:
		return
	case errors.Is(err, ErrFenced) && w.count(s.name) > 1, errors.Is(err, ErrFenced) && w.depth > 0, errors.Is(err, ErrFenced) && w.counts["name taken"]+w.counts["twin"] > 0:
		w.counts["fenced"]++
	case errors.Is(err, ErrTooFarBehind) && w.model.first > 1:
		w.counts["too far behind"]++
	default:
		w.t.Fatalf("%s ended: %v", s.name, err)
	}
	w.kill(s)
}

func (w *world) count(name string) (n int) {
	for _, s := range w.servers {
		if s.name == name {
			n++
		}
	}
	return n
}

func (w *world) kill(s *simServer) {
	w.servers = slices.DeleteFunc(w.servers, func(other *simServer) bool { return other == s })
	for i := range w.flights {
		if w.flights[i].server == s {
			w.flights[i].server = nil
		}
	}
}

// start starts a server, with a history or without. If it can't, it is tried again some other time.
func (w *world) start(name string) {
	if w.depth > 2 {
		return
	}
	w.serial++
	s := &simServer{name: name, rooms: make(map[string]*fakeRoom), checked: make(map[string]int), said: make(map[string]int)}
	id := instance{byte(w.serial >> 8), byte(w.serial), byte(w.rng.IntN(256))}
	id[0], id[1], id[2], id[3] = byte(w.rng.IntN(256)), id[0], id[1], 0
	s.core = newCore("chat", name, id, func(err error) { w.t.Logf("step %d: %s reports: %v", w.steps, name, err) })
	for i := range 2 {
		s.members = append(s.members, &broadcast.Sender{ID: uint64(i), Name: fmt.Sprint("m", i), Addr: netip.MustParseAddrPort("127.0.0.1:1")})
	}
	ctx := context.Background()
	info, err := w.model.Info(ctx)
	if err != nil {
		return
	}
	if w.count(name) > 0 {
		w.counts["twin"]++
	}
	wait := func(context.Context) error {
		w.depth++
		defer func() { w.depth-- }()
		for range w.rng.IntN(15) {
			w.step()
		}
		return nil
	}
	for tries := 0; ; tries++ {
		err := claim(ctx, w.model, claimSubject(s.prefix, s.server), id, wait)
		if err == nil {
			break
		}
		if errors.Is(err, ErrNameTaken) {
			w.counts["name taken"]++
			return
		}
		if tries > 3 {
			return
		}
	}
	s.ownSince = info.Last
	s.wasOpened = info.First <= info.Last
	s.position, s.keep, s.created, s.now = info.Last, info.Keep, info.Created, w.now
	w.readCanons()
	for _, name := range simRooms {
		sink := newFakeRoom(w.t)
		s.rooms[name] = sink
		c := w.canons[name]
		number := uint64(0)
		if len(c.texts) > 0 && w.rng.IntN(2) == 0 {
			number = c.number + uint64(len(c.texts)-w.rng.IntN(min(len(c.texts), 40)))
		}
		from, err := s.prepare(ctx, w.model, name, number, simReplay)
		for tries := 0; tries < 5 && errors.Is(err, errNetwork); tries++ {
			from, err = s.prepare(ctx, w.model, name, number, simReplay)
		}
		w.readCanons()
		if err != nil {
			if !errors.Is(err, errNetwork) {
				w.t.Fatalf("step %d: %s can't start: %v", w.steps, s.name, err)
			}
			return
		}
		want := number
		if number == 0 {
			want = max(c.number, c.next()-min(c.next(), simReplay))
		}
		if w.model.first == 1 && from.from != want {
			w.t.Fatalf("%s begins at %d in %q, which has %d to %d; want %d", s.name, from.from, name, c.number, c.next(), want)
		}
		sink.BeginAt(from.from, 1)
		if from.lacks && w.rng.IntN(2) == 0 {
			s.rewind(from.at.seq)
			w.counts["rewound"]++
		}
		if err := s.add(&room{sink: sink, name: name, at: from.at, from: from.from, spoken: from.spoken}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.servers = append(w.servers, s)
}

func (c *canon) next() uint64 { return c.number + uint64(len(c.texts)) }

// upgrade has another core go on in the place of a server's.
func (w *world) upgrade(s *simServer) {
	if w.isQuiet {
		return
	}
	l := &Link{core: s.core, info: Info{Created: s.created}}
	data, err := json.Marshal(l.State())
	if err != nil {
		w.t.Fatal(err)
	}
	var state State
	if err := json.Unmarshal(data, &state); err != nil {
		w.t.Fatal(err)
	}
	for i := range w.flights {
		if w.flights[i].server == s {
			w.flights[i].server = nil
		}
	}
	c := newCore("chat", s.name, state.Instance, s.report)
	c.position, c.mark, c.wasOpened, c.keep, c.now = state.Position, state.Mark, true, s.keep, w.now
	for _, name := range simRooms {
		r := &room{name: name, sink: s.rooms[name]}
		if err := r.restore(state.room(name), c.server, c.instance); err != nil {
			w.t.Fatal(err)
		}
		if err := c.add(r); err != nil {
			w.t.Fatal(err)
		}
	}
	s.core = c
	c.resume()
	w.counts["upgraded"]++
}

// readCanons has the canons take what is new in the stream.
func (w *world) readCanons() {
	for ; w.read < w.model.last(); w.read++ {
		m := w.model.all[w.read]
		tok, _, _ := split("chat", m.Subject)
		if tok == serversToken {
			continue
		}
		name, err := nameOf(tok)
		b, err2 := parse(m.Data)
		if err != nil || err2 != nil {
			w.t.Fatal(err, err2)
		}
		c := w.canons[name]
		if c.last < w.model.first && b.fact.number == 0 { // nobody knows any more what was said before
			c.first, c.number, c.texts = m.Seq, firstNumber(m.Seq), nil
		}
		c.last = m.Seq
		for rest := b.packed; len(rest) > 0; {
			var text [512]byte
			_, rest, _ = cutMessage(rest, text[:])
			said := strings.TrimRight(string(text[64:]), "\x00")
			process, n, _ := strings.Cut(said, "/")
			counter, _ := strconv.Atoi(n)
			if counter != c.counters[process]+1 {
				w.t.Fatalf("step %d: %s said %d in %q after %d", w.steps, process, counter, name, c.counters[process])
			}
			c.counters[process] = counter
			c.texts = append(c.texts, said)
		}
	}
}

// compare compares what a server's rooms were given with what is in the stream.
func (w *world) compare(s *simServer) {
	for name, r := range s.rooms {
		c := w.canons[name]
		for i := s.checked[name]; i < len(r.texts); i++ {
			at := r.first + uint64(i) - c.number
			if at >= uint64(len(c.texts)) || c.texts[at] != r.texts[i] {
				w.t.Fatalf("step %d: %s has %q as the message %d of %q, which has %d to %d; want %q; began at %d, %v", w.steps, s.name, r.texts[i], r.first+uint64(i), name, c.number, c.next(), c.texts[min(at, uint64(len(c.texts)-1))], r.first, r.texts)
			}
		}
		if w.said != nil {
			for i, text := range r.texts[s.checked[name]:] {
				if process, _, _ := strings.Cut(text, "/"); process == fmt.Sprintf("%x", s.instance[:4]) {
					w.said[name][text].back = int64(w.steps)
					w.said[name][text].number = r.first + uint64(s.checked[name]+i)
				}
			}
		}
		s.checked[name] = len(r.texts)
	}
}

// settle has all faults end, and checks that all that was said by servers that live is everywhere.
func (w *world) settle() {
	w.isQuiet = true
	for _, s := range w.servers {
		s.stopped = false
		for _, r := range s.rooms {
			r.refuses = false
		}
		w.check(s, s.freed())
	}
	for range 50_000 {
		w.step()
		if w.isSettled() {
			return
		}
	}
	for _, s := range w.servers {
		for name, r := range s.rooms {
			c, q := w.canons[name], s.core.rooms[token(name)]
			w.t.Logf("%s in %q: unreturned %d, next %d of %d, position %d of %d, open %v, until %d, queue %d, out %v, expected %d, known %v, asking %v",
				s.name, name, len(r.unreturned), r.next(), c.next(), s.position, w.model.last(), s.isReading, q.until, len(q.queue), q.out != nil, q.expected, q.isKnown, q.isAsking)
			if q.out != nil {
				w.t.Logf("tried %v, counter %d, retry in %v, tries %d", q.out.isTried, q.out.counter, q.out.retry.Sub(w.now), q.out.tries)
			}
		}
	}
	w.t.Fatalf("the servers don't come to agree; flights: %d; %v", len(w.flights), w.counts)
}

func (w *world) isSettled() bool {
	for _, s := range w.servers {
		for name, r := range s.rooms {
			c := w.canons[name]
			if len(r.unreturned) > 0 || r.next() != c.next() || s.said[name] != c.counters[fmt.Sprintf("%x", s.instance[:4])] {
				return false
			}
		}
	}
	return len(w.servers) > 0
}
