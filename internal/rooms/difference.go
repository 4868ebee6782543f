package rooms

import (
	"crypto/rand"
	"slices"
)

// A Difference is what has to be done to get from one set of rooms to another, in this
// order.
type Difference struct {
	Removed []Room // as they were
	Changed []Change
	Opened  []Room
}

// A Change is what a room that stays becomes. Its name stays.
type Change struct {
	From, To Room
}

// HasNewKey reports whether the key changes.
func (c Change) HasNewKey() bool { return c.From.Key != c.To.Key }

// Disconnects reports whether the room's clients are to be disconnected.
func (c Change) Disconnects() bool { return c.HasNewKey() && c.To.DisconnectOnKeyChange }

// IsEmpty reports whether there is nothing to do.
func (d Difference) IsEmpty() bool { return len(d.Removed)+len(d.Changed)+len(d.Opened) == 0 }

// Compare returns the difference of two sets of rooms that each pass Check. A room is
// the same if its name is.
//
// At each step no two rooms have one key. So a change that takes a key comes after the
// one that gives it up. Where rooms exchange their keys, one of them has a random key
// for a moment.
func Compare(old, next []Room) Difference {
	var d Difference
	olds, nexts := byName(old), byName(next)
	for _, room := range old {
		if _, stays := nexts[room.Name]; !stays {
			d.Removed = append(d.Removed, room)
		}
	}
	var changes []Change
	for _, to := range next {
		from, stayed := olds[to.Name]
		switch {
		case !stayed:
			d.Opened = append(d.Opened, to)
		case differ(from, to):
			changes = append(changes, Change{from, to})
		}
	}
	d.Changed = inOrder(changes)
	return d
}

func byName(rooms []Room) map[string]Room {
	named := make(map[string]Room, len(rooms))
	for _, room := range rooms {
		named[room.Name] = room
	}
	return named
}

// differ reports whether a room has other settings than before, wherever they stand.
func differ(from, to Room) bool {
	from.At = to.At
	return from != to
}

// inOrder returns changes in an order in which each key is free when a room takes it.
func inOrder(changes []Change) []Change {
	holders := make(map[string]int, len(changes)) // of the keys that are given up
	for i, c := range changes {
		if c.HasNewKey() {
			holders[c.From.Key] = i
		}
	}
	ordered := make([]Change, 0, len(changes))
	done := make([]bool, len(changes))
	for first := range changes {
		// The change of the room that has the key comes before, and so on, unless that
		// leads back to the first.
		var chain []int
		next, waits := first, true
		for waits && !done[next] {
			done[next] = true
			chain = append(chain, next)
			next, waits = holders[changes[next].To.Key]
		}
		if waits && next == first && len(chain) > 0 {
			aside := changes[first].From
			aside.Key, aside.DisconnectOnKeyChange = rand.Text(), false
			ordered = append(ordered, Change{changes[first].From, aside})
			changes[first].From = aside
		}
		for _, i := range slices.Backward(chain) {
			ordered = append(ordered, changes[i])
		}
	}
	return ordered
}
