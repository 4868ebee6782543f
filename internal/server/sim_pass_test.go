//go:build linux

package server

import (
	"fmt"
	"net/netip"
	"strings"

	"sop-chat/internal/broadcast"
)

// A simKeyring has a key for each client that is to have one of its own. It answers at
// once, or whenever the world says so, and may not check at all.
type simKeyring struct {
	world   *world
	passes  map[string]Pass // those there ever were, by their keys
	removed map[string]bool // those that are not in force any more
	asked   []simQuestion

	unchecked int
}

// A simQuestion is about a key that has yet to be checked.
type simQuestion struct {
	key    string
	answer func(Checked)
}

var _ Keyring = (*simKeyring)(nil)

func newSimKeyring(w *world) *simKeyring {
	return &simKeyring{world: w, passes: make(map[string]Pass), removed: make(map[string]bool)}
}

// add returns the key of a new pass for a client.
func (k *simKeyring) add(c *simClient) string {
	label := fmt.Sprint("person ", c.number)
	key := label + ":right"
	k.passes[key] = Pass{Label: label, Room: c.room.room.name, ID: key}
	return key
}

// joinedAs returns the name that others know a client by: its label where names are
// verified, if it has a key of its own.
func (c *simClient) joinedAs() string {
	if p, isPersonal := c.world.keyring.passes[c.key]; isPersonal && c.room.config.verifies {
		return p.Label
	}
	return c.name()
}

// Check answers at once now and then.
func (k *simKeyring) Check(key string, _ netip.Prefix, done func(Checked)) (Checked, bool) {
	if !strings.Contains(key, ":") || k.world.chance(4) {
		return k.check(key), true
	}
	k.asked = append(k.asked, simQuestion{key, done})
	return Checked{}, false
}

// check returns what a key is. It may be the key of a pass that has been removed since it
// was asked for.
func (k *simKeyring) check(key string) Checked {
	p, isRight := k.passes[key]
	if !isRight {
		return Checked{}
	}
	return Checked{RightKey, p}
}

// InForce reports whether a pass has not been removed.
func (k *simKeyring) InForce(p Pass) bool { return !k.removed[p.ID] }

// answer answers one of the questions, and reports whether there was one.
func (k *simKeyring) answer() bool {
	w := k.world
	if len(k.asked) == 0 {
		return false
	}
	i := w.rng.IntN(len(k.asked))
	q := k.asked[i]
	k.asked[i] = k.asked[len(k.asked)-1]
	k.asked = k.asked[:len(k.asked)-1]
	if w.faults > 0 && w.chance(20) {
		k.unchecked++
		q.answer(Checked{Verdict: Unchecked})
	} else {
		q.answer(k.check(q.key))
	}
	return true
}

// remove removes the pass of one of the clients.
func (k *simKeyring) remove() {
	w := k.world
	for range 20 { // most have none
		if len(w.clients) == 0 {
			return
		}
		c := w.clients[w.rng.IntN(len(w.clients))]
		if _, isPersonal := k.passes[c.key]; isPersonal && !k.removed[c.key] {
			k.removed[c.key] = true
			w.passes.revoke(k)
			return
		}
	}
}

// hasKey reports whether a client's key is one that its room has had, or its own.
func (c *simClient) hasKey() bool {
	_, isPersonal := c.world.keyring.passes[c.key]
	return isPersonal || c.room.keys[c.key]
}

// isRevoked reports whether a client's own key has been removed.
func (c *simClient) isRevoked() bool { return c.world.keyring.removed[c.key] }

// checkRevoked fails if a client is there whose key has been removed.
func (w *world) checkRevoked() {
	for _, c := range w.clients {
		if c.isRevoked() && c.socket.fd >= 0 && c.joined && !c.left {
			w.failf("%v is there, and its key is not", c)
		}
	}
}

// checkRefused fails if a client is refused for a wrong key that has one of its own.
func (w *world) checkRefused(n *broadcast.Notice) {
	p, isPersonal := w.keyring.passes[n.Key]
	if isPersonal && n.Reason == causeKey.words && w.keyring.InForce(p) && w.shared.named(p.Room) != nil {
		w.failf("%s is refused, and has the key of %q", n.From.Name, p.Label)
	}
}
