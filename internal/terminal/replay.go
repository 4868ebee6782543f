package terminal

import (
	"slices"
	"strings"

	"sop-chat/client"
)

// A said is a message as it is in the room.
type said struct{ name, text string }

// A record is what the user has seen of the room, to recognise a replay over TCP. There
// the protocol says nothing of messages but their bytes.
//
// What is under the user's name and what is not are two lists. Where own messages are
// among the others is not known: the room has them where they reached it, and the
// screen where it learned that.
type record struct {
	others, own []said
	pending     []string // texts of the user that may have arrived
	sinceJoined []said   // own ones since the client joined again, while a replay may come
	mayReplay   bool
}

const (
	// maxUncertain is how many own messages at the end may not have arrived, although
	// they were acknowledged.
	maxUncertain = 64
	// maxPending is how many messages that were not acknowledged are looked for.
	maxPending = 1000
)

// isUnder reports whether a message is under a name.
func (s said) isUnder(name string) bool { return strings.TrimSpace(s.name) == name }

// add adds a message that is on the screen.
func (r *record) add(s said, me string) {
	list := &r.others
	if s.isUnder(me) {
		list = &r.own
	}
	*list = append(*list, s)
	if len(*list) >= maxMessages+maxMessages/4 {
		*list = slices.Clone((*list)[len(*list)-maxMessages:])
	}
}

// addSent adds a message of the user that has arrived. Until a replay has come, it waits:
// in the room it is behind that.
func (r *record) addSent(s said) {
	if r.mayReplay {
		r.sinceJoined = append(r.sinceJoined, s)
	} else {
		r.add(s, s.name)
	}
}

// expectReplay is called when the client has joined again. The texts may have arrived.
func (r *record) expectReplay(unsent []string) {
	r.pending, r.mayReplay = slices.Clone(unsent), true
}

// endReplay is called when all that may be a replay was handled.
func (r *record) endReplay() {
	r.pending, r.mayReplay = nil, false
	for _, s := range r.sinceJoined {
		r.addSent(s)
	}
	r.sinceJoined = nil
}

// pendingMessages returns the first messages of the pending texts.
func (r *record) pendingMessages(me string) (messages []said) {
	for _, text := range r.pending {
		for _, part := range client.Split(text) {
			messages = append(messages, said{me, part})
		}
		if len(messages) >= maxPending {
			break
		}
	}
	return messages
}

// overlap returns how many of the first messages that came are a replay of what is in
// the record: the most for which those of others are the last of others, and the own
// ones the last own ones. Of these, some at the end may be missing.
func (r *record) overlap(came []said, me string) int {
	var others, own []said
	for _, s := range came {
		if s.isUnder(me) {
			own = append(own, s)
		} else {
			others = append(others, s)
		}
	}
	isLast := suffixes(others, r.others, 0)
	pending := r.pendingMessages(me)
	isLastOwn := suffixes(own, slices.Concat(r.own, pending), len(pending)+maxUncertain)
	nOthers, nOwn := len(others), len(own)
	for n := len(came); n > 0; n-- {
		if isLast[nOthers] && isLastOwn[nOwn] {
			return n
		}
		if came[n-1].isUnder(me) {
			nOwn--
		} else {
			nOthers--
		}
	}
	return 0
}

// suffixes returns for each n whether the first n of a are the last n of b, or are
// followed in b by at most some others. It is the algorithm of Knuth, Morris and Pratt.
func suffixes(a, b []said, followed int) []bool {
	// border[n] is the longest proper prefix of a[:n] that is its suffix, too.
	border := make([]int, len(a)+1)
	grow := func(n int, s said) int { // the longest prefix of a that ends with s
		for n > 0 && (n == len(a) || a[n] != s) {
			n = border[n]
		}
		if n < len(a) && a[n] == s {
			n++
		}
		return n
	}
	for i := 1; i < len(a); i++ {
		border[i+1] = grow(border[i], a[i])
	}
	found := make([]bool, len(a)+1)
	found[0] = true
	mark := func(n int) {
		for ; n > 0 && !found[n]; n = border[n] {
			found[n] = true
		}
	}
	n := 0
	if followed >= len(b) {
		followed = len(b)
	}
	for i, s := range b {
		n = grow(n, s)
		if i+1 >= len(b)-followed {
			mark(n)
		}
	}
	return found
}

// A fresh message came right after joining again and is no replay of what is in the
// record. If it is own, it is one of those that may have arrived.
type fresh struct {
	received
	own bool
}

// fresh returns what a burst has besides a replay. What is own is in the
// record then, the rest is not.
func (r *record) fresh(b burst, me string) (messages []fresh) {
	came := make([]said, len(b.messages))
	for i, m := range b.messages {
		came[i] = said{m.name, m.text}
	}
	known := r.overlap(came, me)
	pending := r.pendingMessages(me)
	for i, s := range came {
		own := len(pending) > 0 && s == pending[0]
		if own {
			pending = pending[1:]
			r.add(s, me)
		}
		if i >= known {
			messages = append(messages, fresh{b.messages[i], own})
		}
	}
	return messages
}

// showBurst shows what came right after joining again, except for what is on the screen
// already. It reports whether the rest mentions the user.
func (m *model) showBurst(b burst) (mentionsUser bool) {
	for _, f := range m.record.fresh(b, m.name) {
		if f.own {
			m.addEntry(newMessage(own, f.at, m.name, f.text))
		} else {
			mentionsUser = m.receive(f.received) || mentionsUser
		}
	}
	m.record.endReplay()
	return mentionsUser
}
