//go:build linux

package server

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// simSpeeches are what the server was to say by itself, in all rooms.
type simSpeeches struct {
	of      *speaker
	sender  *broadcast.Sender // of speeches
	waiting []simSpeech       // not answered yet
	motd    []wire.Message

	said, held, announced, summed, motds, greeted int // how often each was seen
}

// A simSpeech is one speech, and its answer.
type simSpeech struct {
	room     *simRoom
	messages []wire.Message
	answer   chan spoken
}

func newSimSpeeches() simSpeeches {
	return simSpeeches{of: newSpeaker("house"), sender: &broadcast.Sender{Name: "hook"}}
}

// speak has something be said in a room.
func (w *world) speak() {
	s := &w.speeches
	said := simSpeech{room: w.someRoom(), answer: make(chan spoken, 1)}
	for i := range 1 + w.rng.IntN(4) {
		m, _ := wire.New([]string{"hook", "another"}[w.rng.IntN(2)], fmt.Sprintf("speech %d at %d", i, w.rng.Uint32()))
		said.messages = append(said.messages, m)
	}
	s.of.put(speech{said.room.room, s.sender, said.messages, said.answer})
	s.waiting = append(s.waiting, said)
}

// someRoom returns one that is held, if there is any, or else one that may be closed.
func (w *world) someRoom() *simRoom {
	for _, r := range w.rooms {
		if r.room.isHeld() {
			return r
		}
	}
	return w.rooms[w.rng.IntN(len(w.rooms))]
}

// setMotd changes the message of the day.
func (w *world) setMotd() {
	s := &w.speeches
	s.motd = nil
	for i := range w.rng.IntN(MaxMotd + 1) {
		m, _ := wire.New("server", fmt.Sprintf("motd %d, %d", s.motds, i))
		s.motd = append(s.motd, m)
	}
	s.motds++
	w.motd.Store(newMotd(s.motd))
}

// takeAnswers checks what the first loop has answered in a turn, before anybody reads what
// it has said.
func (s *simSpeeches) takeAnswers(w *world) {
	for _, speech := range s.waiting {
		r := speech.room
		select {
		case answer := <-speech.answer:
			switch {
			case answer.err == nil && r.link != nil:
				if answer.number != 0 {
					w.failf("what is said in %s has the number %d before it comes back", r.room.name, answer.number)
				}
				r.speeches = append(r.speeches, speech.messages...)
				s.said++
			case answer.err == nil:
				for i, m := range speech.messages {
					r.said[int(answer.number-r.config.first)+i] = m
				}
				s.said++
			case errors.Is(answer.err, ErrHeld) && !r.closed:
				s.held++
			case errors.Is(answer.err, ErrRoomClosed) && r.closed:
			default:
				w.failf("nothing is said in %s: %v", r.room.name, answer.err)
			}
		default:
			w.failf("a speech is not answered in the first loop's next wake-up")
		}
	}
	s.waiting = s.waiting[:0]
}

// serverSays takes a message that is no client's.
func (o *oracle) serverSays(e *broadcast.Entry) {
	r := o.room
	w := r.world
	index := len(o.order)
	if r.gate == nil && e.Time.UnixNano() != w.now.UnixNano() {
		w.failf("the server speaks at %v, and the log has %v", w.now, e.Time)
	}
	r.checkSpeech(e, index)
	o.order = append(o.order, logged{said: e.Message, from: e.From.Name, at: e.Time})
}

// checkSpeech checks a message that is no client's, and the one with an index.
func (r *simRoom) checkSpeech(e *broadcast.Entry, index int) {
	want, isSpeech := r.said[index]
	delete(r.said, index)
	if r.link != nil && e.From.Name == r.world.speeches.sender.Name && len(r.speeches) > 0 {
		want, isSpeech, r.speeches = r.speeches[0], true, r.speeches[1:]
	}
	switch {
	case !isSpeech:
		r.takeAnnouncement(e)
	case e.Message != want || e.From.Name != r.world.speeches.sender.Name:
		r.world.failf("message %d of %s is %q, want %q", index, r.room.name, e.Message.Text(), want.Text())
	}
}

// takeAnnouncement counts who joins and who leaves by what the server says of it.
func (r *simRoom) takeAnnouncement(e *broadcast.Entry) {
	w, text := r.world, string(e.Message.Text())
	if e.From.Name != w.speeches.of.sender.Name || string(e.Message.Name()) != "house" || !r.config.announces {
		w.failf("%q says %q in %s, and nobody had that said", e.Message.Name(), text, r.room.name)
	}
	if now := w.loops[0].now; r.gate == nil || r.link != nil { // what a gate publishes came earlier
		if since := now.Sub(r.announcedAt); !r.announcedAt.IsZero() && since < announceInterval {
			w.failf("something is announced in %s %v after the last time", r.room.name, since)
		}
		r.announcedAt = now
	}
	joined, rest, found := strings.Cut(text, " joined")
	if !found {
		joined, rest = "", text
	}
	left := strings.TrimSuffix(strings.TrimPrefix(rest, ", "), " left")
	r.announced += mentioned(w, joined) - mentioned(w, left)
	w.speeches.announced++
	if !strings.Contains(text, `"`) {
		w.speeches.summed++
	}
}

// mentioned returns how many clients are mentioned: their number, or their names between
// quotes.
func mentioned(w *world, clients string) int {
	if n, err := strconv.Atoi(clients); err == nil {
		return n
	}
	n := strings.Count(clients, `"`) / 2
	if n == 0 && clients != "" || n > mostNames {
		w.failf("%q are announced", clients)
	}
	return n
}

// checkAnnounced checks that all was announced in the end.
func (r *simRoom) checkAnnounced() {
	away := len(r.world.speeches.of.absent.of(r.room)) // they may still come back
	if r.config.announces && !r.closed && r.announced != r.present+away {
		r.world.failf("of %d clients in %s, %d are announced, and %d are away", r.present, r.room.name, r.announced, away)
	}
	if n := len(r.said) + len(r.speeches); n > 0 {
		r.world.failf("%d messages that were said are not in %s", n, r.room.name)
	}
}

// takeMotd takes a message that follows the echo, and reports whether it is one of the day.
func (c *simClient) takeMotd(m *wire.Message) bool {
	if len(c.motd) == 0 || c.web != nil && c.web.numbers != nil {
		return false
	}
	if *m != c.motd[0] {
		c.world.failf("%v receives %q behind its echo, want %q", c, m.Text(), c.motd[0].Text())
	}
	if c.motd = c.motd[1:]; len(c.motd) == 0 {
		c.world.speeches.greeted++
	}
	return true
}

// takeMotd takes a frame with the number 0.
func (n *simNumbers) takeMotd(c *simClient, payload []byte) {
	var want []byte
	for i := range c.motd {
		want = append(want, c.motd[i][:]...)
	}
	if !n.takesMotd || n.known != 0 || n.isGreeted || len(want) == 0 || !bytes.Equal(payload, want) {
		c.world.failf("%v receives %d bytes outside of the room, want %d; takes them %v, known %d", c, len(payload), len(want), n.takesMotd, n.known)
	}
	n.isGreeted = true
	c.world.speeches.greeted++
}

// checkGreeted checks, when something of the room comes, that the message of the day did.
func (n *simNumbers) checkGreeted(c *simClient) {
	if n.takesMotd && n.known == 0 && len(c.motd) > 0 && !n.isGreeted {
		c.world.failf("%v receives something of the room before the message of the day", c)
	}
}
