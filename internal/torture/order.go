package torture

import "slices"

// An order is what is known of the order of a room's messages: a graph with a node for
// each message that a client saw, and an edge to each that comes after it because
//
//   - a client saw it next,
//   - it has the next number,
//   - its client sent it next, over the same connection, or saw the other one before.
//
// If there is an order that all this fits to, there is no cycle.
type order struct {
	room  *room
	nodes []Message
	index map[Message]int32
	next  [][]int32
	// sorted has the nodes in an order that fits, those between cycles left out.
	sorted []int32
	inLoop []bool // the nodes on cycles, and between them
}

func newOrder(r *room) *order {
	o := &order{room: r, index: make(map[Message]int32)}
	for _, s := range r.sendings {
		// Of what is in the room twice, it is not known which one a client saw.
		if s.seen && !r.separated[s.message] {
			o.index[s.message] = int32(len(o.nodes))
			o.nodes = append(o.nodes, s.message)
		}
	}
	o.inLoop = make([]bool, len(o.nodes))
	o.link()
	if o.sort(); len(o.sorted) < len(o.nodes) {
		o.findLoops()
	}
	return o
}

// link makes the edges, all but those of nodes in loops.
func (o *order) link() {
	o.next = make([][]int32, len(o.nodes))
	for _, w := range o.room.allViews {
		o.chain(w.seen)
	}
	numbers := make([]uint64, 0, len(o.room.numbers))
	for n := range o.room.numbers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	inOrder := make([]Message, len(numbers))
	for i, n := range numbers {
		inOrder[i] = o.room.numbers[n]
	}
	o.chain(inOrder)
	for _, s := range o.room.sendings {
		for _, before := range s.after {
			o.chain([]Message{before, s.message})
		}
	}
	for i, list := range o.next {
		slices.Sort(list)
		o.next[i] = slices.Compact(list)
	}
}

// chain adds edges between messages that follow one another.
func (o *order) chain(messages []Message) {
	last := int32(-1)
	for _, m := range messages {
		i, known := o.index[m]
		if !known || o.inLoop[i] {
			continue
		}
		// Most edges are there already, from the client before.
		if last >= 0 && last != i && (len(o.next[last]) == 0 || o.next[last][len(o.next[last])-1] != i) {
			o.next[last] = append(o.next[last], i)
		}
		last = i
	}
}

// sort sorts the nodes that are behind no cycle.
func (o *order) sort() {
	before := make([]int, len(o.nodes))
	for _, list := range o.next {
		for _, i := range list {
			before[i]++
		}
	}
	o.sorted = o.sorted[:0]
	for i, n := range before {
		if n == 0 && !o.inLoop[i] {
			o.sorted = append(o.sorted, int32(i))
		}
	}
	for done := 0; done < len(o.sorted); done++ {
		for _, i := range o.next[o.sorted[done]] {
			if before[i]--; before[i] == 0 {
				o.sorted = append(o.sorted, i)
			}
		}
	}
}

// findLoops takes the nodes on cycles, and those between cycles, out of the order.
func (o *order) findLoops() {
	for i := range o.inLoop {
		o.inLoop[i] = true
	}
	for _, i := range o.sorted {
		o.inLoop[i] = false
	}
	// What remains is on a cycle or behind one. What is behind them all has no successor
	// among the rest.
	previous := make([][]int32, len(o.nodes))
	after := make([]int, len(o.nodes))
	var ends []int32
	for i, list := range o.next {
		if !o.inLoop[i] {
			continue
		}
		for _, j := range list { // which is in the rest, too
			previous[j] = append(previous[j], int32(i))
		}
		if after[i] = len(list); len(list) == 0 {
			ends = append(ends, int32(i))
		}
	}
	for len(ends) > 0 {
		i := ends[len(ends)-1]
		ends = ends[:len(ends)-1]
		o.inLoop[i] = false
		for _, j := range previous[i] {
			if after[j]--; after[j] == 0 {
				ends = append(ends, j)
			}
		}
	}
	o.link()
	o.sort()
}

// checkOrder reports cycles: if possible, as two messages of which one client saw the
// one first and another client the other.
func (o *order) checkOrder() {
	if !slices.Contains(o.inLoop, true) {
		return
	}
	r := o.room
	for i, a := range r.allViews {
		position := make(map[Message]int)
		for at, m := range o.looped(a.seen) {
			position[m] = at
		}
		for _, b := range r.allViews[i+1:] {
			last, lastAt := Message{}, -1
			for _, m := range o.looped(b.seen) {
				at, common := position[m]
				if !common {
					continue
				}
				if at < lastAt {
					r.fault(Disorder, m, "%s saw %s before %s, and %s the other way round",
						r.who(a.client), r.what(m), r.what(last), r.who(b.client))
					break
				}
				last, lastAt = m, at
			}
		}
	}
	if !slices.ContainsFunc(r.faults, func(f Fault) bool { return f.Class == Disorder }) {
		i := slices.Index(o.inLoop, true)
		r.fault(Disorder, o.nodes[i], "%s is on a cycle of what was seen, sent and numbered before what", r.what(o.nodes[i]))
	}
}

// looped returns those of the messages that are on cycles.
func (o *order) looped(messages []Message) (looped []Message) {
	for _, m := range messages {
		if i, known := o.index[m]; known && o.inLoop[i] {
			looped = append(looped, m)
		}
	}
	return looped
}

// checkMissing looks for messages that a client has not seen, and ought to have.
func (o *order) checkMissing() {
	before := make([]bool, len(o.nodes)) // a node, or the client's joining, is before it
	after := make([]bool, len(o.nodes))  // a node is after it
	for _, w := range o.room.allViews {
		clear(before)
		clear(after)
		own := make(map[Message]bool)
		if !o.room.h.Clients[w.client].isAcknowledged() {
			for _, s := range w.visit.sent {
				own[s.message] = true
			}
		}
		for _, i := range o.sorted {
			m := o.nodes[i]
			before[i] = before[i] || w.has[m] || o.room.sent[m].at > w.joined
			for _, j := range o.next[i] {
				before[j] = before[j] || before[i]
			}
		}
		for _, i := range slices.Backward(o.sorted) {
			after[i] = w.open || w.has[o.nodes[i]]
			for _, j := range o.next[i] {
				after[i] = after[i] || after[j]
			}
		}
		for _, i := range o.sorted {
			if m := o.nodes[i]; before[i] && after[i] && !w.has[m] && !own[m] {
				o.room.fault(Missing, m, "%s was there and did not see %s, which others saw", o.room.who(w.client), o.room.what(m))
			}
		}
	}
}
