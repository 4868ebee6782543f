package cluster

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The simulation drives the cores of several servers over a model of the stream, step by
// step, as a seed says: what is published is lost, or arrives late, or its acknowledgement is
// lost; answers are old; readers miss messages, read some twice, and are opened again;
// servers are killed, stopped, started again with and without a history, upgraded, and have
// twins; the stream drops what is old; rooms refuse what they get. After each step, what each
// room has is compared with what is in the stream.

const (
	simSteps   = "SOP_CHAT_CLUSTER_STEPS"
	simSeed    = "SOP_CHAT_CLUSTER_SEED"
	simReplay  = 5
	simKeep    = 10 * time.Minute
	simLatest  = time.Minute // nothing is under way for longer
	simServers = 3
	simClients = 6
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
	for _, s := range w.servers {
		for _, r := range s.rooms {
			w.counts["void"] += r.voided
		}
	}
	t.Logf("%d steps: %v", w.steps, w.counts)
	if steps < 200_000 { // not all happens in each short run
		return
	}
	for _, what := range []string{
		"said", "published", "lost", "late", "unacknowledged", "wrong last", "gap", "twice", "reopened", "refused", "killed", "upgraded",
		"stopped", "dropped", "fenced", "name taken", "renewed", "rewound", "too far behind",
		"moved", "recalled", "void", "sent again", "admitted in vain",
	} {
		if w.counts[what] == 0 {
			t.Errorf("nothing was %s", what)
		}
	}
}

type world struct {
	t       testing.TB
	rng     *rand.Rand
	model   *model
	now     time.Time
	servers []*simServer
	clients []*simClient
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
		w.canons[name] = &canon{counters: make(map[string]int), numbers: make(map[string]uint64)}
	}
	for i := range simClients {
		w.clients = append(w.clients, &simClient{id: uint64(100 + i), room: simRooms[i%2]})
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
	case n < 50 && len(w.clients) > 0:
		w.actClient(w.clients[w.rng.IntN(len(w.clients))])
	case n < 80 && len(w.clients) > 0:
		if s := w.any(); s != nil {
			w.readConn(s)
		}
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
					f.answer(errNetwork)
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
