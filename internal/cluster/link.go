package cluster

import (
	"context"
	"crypto/rand"
	"math"
	"sync"
	"time"
)

// A Config says what a link needs.
type Config struct {
	Stream Stream
	Prefix string // of all subjects, see Subjects; the name of the cluster
	Server string // the name of the server, which no other has; any bytes, but not empty
	// Report is called with what is wrong and does not end the link. It must not block.
	Report func(error)
	// State is what another link of the same server has left (Link.State); nil: nothing.
	State *State
}

// A RoomConfig says what a link needs to know of a room.
type RoomConfig struct {
	Name string // any bytes
	Room Room
	// Number is the number of the first message that the room lacks, if it has those before
	// it from elsewhere. If it is 0, the last Replay messages are delivered to it, and all
	// from then on.
	Number uint64
	Replay int
	// Had is the number of the room's next message as another link of this process knew it
	// when it ended; 0 if there was none. If the stream has less, as it has lost messages or was
	// made anew, the room goes on behind that at all servers.
	Had uint64
	// Has reports whether the room has a message with a number that the stream took at a time,
	// from elsewhere; nil if it has none. If it has the last one that the stream has, and
	// others behind that, the stream has lost those, and it is as with Had.
	Has func(number uint64, at time.Time) bool
}

// A Link connects the rooms of a server with a stream. Its methods are called in this order:
// Open, Prepare if there are many rooms, Add for each room, Run. Rooms may also be added and
// removed while it runs. After Run has returned because its context was done, it may be called
// again, or State has what another link needs to go on.
type Link struct {
	config Config
	core   *core // belongs to Run while that runs, else to the holder of mu
	info   Info  // as of Open
	freed  chan struct{}
	wakes  wakes
	stats  published

	mu       sync.Mutex
	calls    chan func() // for Run; nil while that does not run
	ended    chan struct{}
	prepared map[string]start // by the names of rooms
}

// New returns a link that does nothing yet.
func New(config Config) *Link {
	var id instance
	if rand.Read(id[:]); config.State != nil {
		id = config.State.Instance
	}
	return &Link{
		config: config, freed: make(chan struct{}, 1), wakes: wakes{some: make(chan struct{}, 1)},
		core: newCore(config.Prefix, config.Server, id, config.Report), prepared: make(map[string]start),
	}
}

// Open makes the name of the server its own, and looks at the stream. If another server has
// the name, the error is ErrNameTaken; to find out takes some seconds if the last server of
// that name has ended without Release. After any other error it may be called again.
func (l *Link) Open(ctx context.Context) error {
	info, err := l.config.Stream.Info(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.core
	if s := l.config.State; s != nil {
		if !info.Created.Equal(s.Created) {
			return ErrStreamReplaced
		}
		c.position, c.mark, c.wasOpened = s.Position, s.Mark, true
		c.claimSeq, c.claimedAt = s.Claim, s.ClaimedAt
	} else {
		// What comes after this is read. So another's claim of the name is not missed.
		if err := claim(ctx, l.config.Stream, claimSubject(c.prefix, c.server), c.instance, waitForClaim); err != nil {
			return err
		}
		c.position, c.wasOpened, c.ownSince = info.Last, info.First <= info.Last, info.Last
	}
	l.info, c.keep = info, info.Keep
	return nil
}

func waitForClaim(ctx context.Context) error {
	select {
	case <-time.After(claimWait / claimLooks):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Release gives the name of the server up, so that one of that name need not wait when it
// starts. It is called after Run has returned for the last time.
func (l *Link) Release(ctx context.Context) error {
	return release(ctx, l.config.Stream, claimSubject(l.core.prefix, l.core.server), l.core.instance)
}

// preparedAtOnce is about how many rooms Prepare asks the stream at once.
const preparedAtOnce = 32

// Prepare asks the stream about many rooms at once, so that Add, with the same configurations,
// need not ask about each by itself. Their Room is not used. After the first error, or when ctx
// is done, it asks about no others, and Add does.
func (l *Link) Prepare(ctx context.Context, rooms []RoomConfig) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan RoomConfig)
	var asking sync.WaitGroup
	for range min(preparedAtOnce, len(rooms)) {
		asking.Go(func() {
			for config := range next {
				s, err := l.ask(ctx, config)
				if err != nil {
					cancel()
					continue
				}
				l.mu.Lock()
				l.prepared[config.Name] = s
				l.mu.Unlock()
			}
		})
	}
	for _, config := range rooms {
		if l.config.State.room(config.Name) == nil && ctx.Err() == nil {
			next <- config
		}
	}
	close(next)
	asking.Wait()
}

// ask finds out where a room begins.
func (l *Link) ask(ctx context.Context, c RoomConfig) (start, error) {
	return l.core.prepare(ctx, l.config.Stream, c.Name, c.Number, uint64(c.Replay), c.Had, c.Has)
}

// takePrepared returns what Prepare has found out of a room, once.
func (l *Link) takePrepared(name string) (start, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, is := l.prepared[name]
	delete(l.prepared, name)
	return s, is
}

// Add adds a room, which must not be open yet: the first message that it gets
// has the number of Room.BeginAt. It asks the stream for the room's last messages, or
// publishes the first. After an error, unless there is such a room already, it may be called
// again. A room that the state has (Config.State) goes on where it was.
func (l *Link) Add(ctx context.Context, config RoomConfig) error {
	r := &room{name: config.Name, sink: config.Room}
	readFrom := uint64(math.MaxUint64)
	if s := l.config.State.room(config.Name); s != nil {
		if err := r.restore(s, l.core.server, l.core.instance); err != nil {
			return err
		}
	} else {
		s, isPrepared := l.takePrepared(config.Name)
		if !isPrepared {
			var err error
			if s, err = l.ask(ctx, config); err != nil {
				return err
			}
		}
		config.Room.BeginAt(s.from, uint64(l.info.Created.UnixNano()))
		r.at, r.from, r.spoken = s.at, s.from, s.spoken
		if s.lacks {
			readFrom = s.at.seq
		}
	}
	var err error
	l.call(func() {
		l.core.rewind(readFrom)
		if err = l.core.add(r); err == nil {
			r.cursor = config.Room.Outgoing().Join(func() { l.wakes.add(r) })
			l.wakes.add(r) // what was said before
		}
	})
	return err
}

// Remove removes a room, if there is one of that name. When it returns, the room is not used
// any more.
func (l *Link) Remove(name string) {
	l.call(func() {
		if r := l.core.remove(name); r != nil {
			r.cursor.Leave()
		}
	})
}

// Recall has what a client said in a room at another server, of which from is the ServerID,
// and what is not in the stream yet, not arrive any more. It returns at once. When all that has
// arrived is delivered to the room, done is called, or at once if there is no such server. That
// may take until the stream can be reached, and never happens if the room is removed meanwhile
// or too many clients are recalled. done is called by one goroutine at a time, and must not block
// nor call the link.
func (l *Link) Recall(room string, client, from uint64, done func()) {
	l.wakes.recall(moved{room, client, from, done})
}

// Freed has the link deliver again what rooms have refused.
func (l *Link) Freed() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// call calls f where the core may be used.
func (l *Link) call(f func()) {
	for {
		l.mu.Lock()
		calls, ended := l.calls, l.ended
		if calls == nil {
			defer l.mu.Unlock()
			f()
			return
		}
		l.mu.Unlock()
		done := make(chan struct{})
		select {
		case calls <- func() { f(); close(done) }:
			<-done
			return
		case <-ended:
		}
	}
}

// wakes are the rooms in which something was said since somebody looked, and the clients that
// are to be recalled.
type wakes struct {
	mu      sync.Mutex
	rooms   []*room
	recalls []moved
	some    chan struct{}
}

// A moved is a client that was at another server, see Recall.
type moved struct {
	room         string
	client, from uint64
	done         func()
}

func (w *wakes) add(r *room) {
	w.mu.Lock()
	isFirst := !r.isWoken
	if isFirst {
		r.isWoken = true
		w.rooms = append(w.rooms, r)
	}
	w.mu.Unlock()
	if isFirst {
		w.wake()
	}
}

func (w *wakes) recall(m moved) {
	w.mu.Lock()
	if len(w.recalls) < maxRecalling {
		w.recalls = append(w.recalls, m)
	}
	w.mu.Unlock()
	w.wake()
}

func (w *wakes) wake() {
	select {
	case w.some <- struct{}{}:
	default:
	}
}

func (w *wakes) take() (rooms []*room, recalls []moved) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rooms, recalls = w.rooms, w.recalls
	w.rooms, w.recalls = nil, nil
	for _, r := range rooms {
		r.isWoken = false
	}
	return rooms, recalls
}
