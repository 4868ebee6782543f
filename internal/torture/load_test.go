//go:build linux

package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// A load is clients that talk in all rooms, spread over all servers.
type load struct {
	*recorder
	seed      uint64
	addresses []address
	every     time.Duration // how often each says something, on average
	ctx       context.Context
	quiet     chan struct{} // closed when nobody says anything of its own accord any more
	talking   chan struct{} // closed when all may talk
	running   sync.WaitGroup
	all       []participant
}

// A participant is a client of either protocol.
type participant interface {
	run()
	self() *speaker
	// say sends a message over the connection that there is now, after prepare was called.
	// It reports false if there is none.
	say(prepare func(Message)) bool
}

// A speaker is what all participants have.
type speaker struct {
	*load
	id     int32
	room   string
	pinned int // to one server; -1 if it goes to any
	every  time.Duration
	random *rand.Rand
	count  int32
}

func (s *speaker) self() *speaker { return s }

// next returns the message that is said next.
func (s *speaker) next() Message {
	s.count++
	return Message{s.id, s.count - 1}
}

// server chooses one.
func (s *speaker) server() int {
	if s.pinned >= 0 {
		return s.pinned
	}
	return s.random.IntN(len(s.addresses))
}

// pause waits for a time, and reports whether the load goes on.
func (l *load) pause(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// startLoad has clients join all rooms, and talk; more adds others.
func startLoad(t testing.TB, seed uint64, addresses []address, plain, pages int, every time.Duration, more ...func(*load)) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{
		recorder: newRecorder(), seed: seed, addresses: addresses, every: every, ctx: ctx,
		quiet: make(chan struct{}), talking: make(chan struct{}),
	}
	t.Cleanup(func() {
		l.finish()
		cancel()
		l.running.Wait()
	})
	for _, room := range rooms {
		for range pages {
			l.start(&pageClient{speaker: l.speaker(Client{Room: room, Numbered: true}, -1)})
		}
		for range plain {
			l.start(&plainClient{speaker: l.speaker(Client{Room: room}, -1)})
		}
	}
	for _, add := range more {
		add(l)
	}
	if !eventually(time.Minute, l.haveJoined) {
		t.Fatalf("of %d clients, only %d have joined", len(l.all), len(l.joined))
	}
	close(l.talking)
	return l
}

// speaker adds a client, and gives it a name.
func (l *load) speaker(c Client, pinned int) *speaker {
	kind := "chat"
	switch {
	case c.Numbered:
		kind = "page"
	case c.Browser:
		kind = "browser"
	}
	c.Name = fmt.Sprintf("%s %d", kind, len(l.all))
	s := &speaker{load: l, room: c.Room, pinned: pinned, every: l.every}
	s.id = l.client(c)
	s.random = rand.New(rand.NewPCG(l.seed, uint64(s.id)))
	return s
}

func (l *load) start(p participant) {
	l.all = append(l.all, p)
	l.running.Go(p.run)
}

// haveJoined reports whether all clients have joined at some time.
func (l *load) haveJoined() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.joined) == len(l.all)
}

// settle ends the talk, and waits until everything that was said is where it belongs. For that each
// client says something last; and one of each server and room, behind everything that
// the server still has. It returns what is still awaited when the time is over.
func (l *load) settle(within time.Duration) []string {
	const round = 15 * time.Second // in which a connection may break once more
	close(l.quiet)
	for i := range l.addresses {
		for _, room := range rooms {
			l.start(&plainClient{speaker: l.speaker(Client{Room: room}, i)})
		}
	}
	var missing []string
	for end := time.Now().Add(within); time.Now().Before(end); {
		missing = nil
		until := time.Now().Add(round)
		silent := slices.Clone(l.all)
		// All have to be there, or else what the first one says is no news to the last one.
		eventually(time.Until(until), l.haveJoined)
		eventually(time.Until(until), func() bool {
			silent = slices.DeleteFunc(silent, func(p participant) bool { return p.say(func(m Message) { l.await(m, l.audience(p)) }) })
			return len(silent) == 0
		})
		eventually(time.Until(until), func() bool {
			missing = l.missing()
			return len(missing) == 0
		})
		for _, p := range silent {
			missing = append(missing, l.history.Clients[p.self().id].Name+" can't say anything")
		}
		if l.forget(); len(missing) == 0 {
			return nil
		}
	}
	return missing
}

// audience returns the clients that are to see a message.
func (l *load) audience(from participant) (clients []int32) {
	for _, p := range l.all {
		_, isPlain := p.(*plainClient)
		if s := p.self(); s.room == from.self().room && !(p == from && isPlain) {
			clients = append(clients, s.id)
		}
	}
	return clients
}

// talk says something now and then, sometimes many messages at once, until done is
// closed, the talk is over, or leave is called, which may be nil.
func (s *speaker) talk(p participant, done <-chan struct{}, leave func()) {
	select {
	case <-s.talking:
	case <-done:
		return
	}
	for {
		timer := time.NewTimer(time.Duration(s.random.ExpFloat64() * float64(s.every)))
		select {
		case <-timer.C:
		case <-done:
		case <-s.quiet:
		}
		timer.Stop()
		select {
		case <-done:
			return
		case <-s.quiet:
			return
		default:
		}
		n := 1
		switch s.random.IntN(40) {
		case 0:
			n = 1 + s.random.IntN(30)
		case 1:
			if leave != nil && s.random.IntN(5) == 0 {
				leave()
				return
			}
		}
		for range n {
			if !p.say(func(Message) {}) {
				return
			}
		}
	}
}
