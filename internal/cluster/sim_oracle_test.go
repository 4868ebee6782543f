package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A canon is what is in the stream of a room.
type canon struct {
	first, last uint64 // of the sequences
	number      uint64 // of the first message
	texts       []string
	counters    map[string]int    // of each process, what it said last
	numbers     map[string]uint64 // of all there ever were
}

func (c *canon) next() uint64 { return c.number + uint64(len(c.texts)) }

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
			c.first, c.number, c.texts = m.Seq, numberOf(m.Seq, &b), nil
		}
		c.last = m.Seq
		for rest := b.packed; len(rest) > 0; {
			var text [512]byte
			_, rest, _ = cutMessage(rest, text[:])
			said := strings.TrimRight(string(text[64:]), "\x00")
			process, n, _ := strings.Cut(said, "/")
			counter, _ := strconv.Atoi(n)
			if counter != c.counters[process]+1 {
				w.t.Fatalf("step %d: %s said %d in %q after %d, at %s", w.steps, process, counter, name, c.counters[process], m.Subject)
			}
			c.counters[process] = counter
			c.numbers[said] = c.next()
			c.texts = append(c.texts, said)
		}
	}
}

// compare compares what a server's rooms were given with what is in the stream.
func (w *world) compare(s *simServer) {
	for name, r := range s.rooms {
		c := w.canons[name]
		for i := s.checked[name]; i < len(r.texts); i++ {
			if r.first+uint64(i) < c.number { // read before the stream dropped it, and delivered after
				continue
			}
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

// settle has all faults end, and checks that all that was said by servers that live is
// everywhere.
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
	for _, c := range w.clients {
		w.t.Logf("%+v; connection %+v, waits %+v", c, c.conn, c.waits)
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
	return len(w.servers) > 0 && !slices.ContainsFunc(w.clients, func(c *simClient) bool { return !c.isSettled() })
}
