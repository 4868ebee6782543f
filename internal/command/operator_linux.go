package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/limit"
	"sop-chat/internal/metrics"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// An operator does what is asked for at the server's socket, and at its terminal. Any
// goroutine may call do.
type operator struct {
	server   *server.Server
	origins  *origin.Table
	level    *slog.LevelVar
	reloads  reloads       // nil: there is nothing to be read again
	upgrades upgrades      // nil: the server can't be upgraded
	peers    *clusterPeers // the other servers; nil: there is no cluster
	rekeyed  *rekeyedRooms
	rereads  bool // the file of the rooms, which has their keys
	counted  metrics.Config
	requests limit.Requests
	began    time.Time
	build    Build
	logger   *slog.Logger
}

// reloads is what reads all files again.
type reloads interface {
	// Reload returns what was wrong with them.
	Reload() error
}

// upgrades is what has the server go on as another program.
type upgrades interface {
	// Upgrade returns only if that is not possible, and why.
	Upgrade(ctx context.Context) error
}

// newOperator returns an operator of a server.
func newOperator(o *serveOptions, p Process, s *server.Server, origins *origin.Table, open *openRooms, reload *reloader, counted metrics.Config, logger *slog.Logger) *operator {
	a := &operator{
		server: s, origins: origins, level: o.logged, peers: open.cluster.peers, rekeyed: open.rekeyed, rereads: open.rereads, counted: counted,
		began: time.Now(), build: p.Build, logger: logger,
	}
	if o.rereads(p) {
		a.reloads = reload
	}
	return a
}

// questions change nothing, so they are logged at the lowest level.
var questions = []string{"who", "bans", "rooms", "stats"}

// do does what an operator asks for, and logs it. What changes something is logged whatever
// the level is.
func (a *operator) do(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	isQuestion := slices.Contains(questions, r.Command) || r.Command == "loglevel" && r.Level == ""
	if r.Command == "upgrade" {
		a.log(ctx, by.String(), r, isQuestion, nil) // if it succeeds, nobody is there to do so
		return a.act(ctx, by, r)
	}
	select { // who asks while the program is replaced does not notice
	case <-a.server.Serving():
	case <-ctx.Done():
	}
	defer a.requests.Begin()()
	result, err := a.act(ctx, by, r)
	a.log(ctx, by.String(), r, isQuestion, err)
	return result, err
}

// log logs what an operator asked for, and why it was refused if it was.
func (a *operator) log(ctx context.Context, by string, r admin.Request, isQuestion bool, refused error) {
	attrs := append([]slog.Attr{slog.String("command", r.Command), slog.String(actorKey, by)}, about(r)...)
	if refused != nil {
		attrs = append(attrs, slog.Any("refused", refused))
	}
	if isQuestion {
		a.logger.LogAttrs(ctx, slog.LevelDebug, "an operator acts", attrs...)
	} else {
		a.logChange(ctx, "an operator acts", attrs...)
	}
}

// logChange logs that something was changed, whatever the level is.
func (a *operator) logChange(ctx context.Context, what string, attrs ...slog.Attr) {
	a.logger.LogAttrs(ctx, max(slog.LevelInfo, a.level.Level()), what, attrs...)
}

// about returns what the log says of a request: all but a key.
func about(r admin.Request) (attrs []slog.Attr) {
	for _, field := range []struct{ name, value string }{
		{"room", r.Room},
		{"client", r.Target},
		{"network", r.Network},
		{"for", r.For},
		{"reason", r.Reason},
		{"text", r.Text},
		{"level", r.Level},
	} {
		if field.value != "" {
			attrs = append(attrs, slog.String(field.name, field.value))
		}
	}
	if r.Disconnect {
		attrs = append(attrs, slog.Bool("disconnect", true))
	}
	if r.Off {
		attrs = append(attrs, slog.Bool("off", true))
	}
	return attrs
}

// act does what an operator asks for.
func (a *operator) act(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	switch r.Command {
	case "who":
		return a.who(ctx, by, r)
	case "kick":
		return a.kick(ctx, by, r)
	case "ban":
		return a.ban(ctx, by, r)
	case "unban":
		return a.unban(ctx, by, r)
	case "bans":
		return a.bans(ctx, by), nil
	case "say":
		return a.say(ctx, r)
	case "rooms":
		return a.rooms(), nil
	case "rekey":
		return a.rekey(r)
	case "reload":
		return a.reload()
	case "drain":
		a.server.SetDraining(!r.Off)
		return &admin.Draining{Draining: !r.Off, Clients: a.clients()}, nil
	case "stats":
		return a.stats()
	case "loglevel":
		return a.setLevel(r)
	case "upgrade":
		if a.upgrades == nil {
			return nil, errors.New("this server can't be upgraded while it runs; start the new program in its place")
		}
		return &admin.Upgraded{Upgraded: true}, a.upgrades.Upgrade(ctx)
	}
	return nil, fmt.Errorf("there is no command %q", r.Command)
}

// shownRoomName returns the name of a room as operators know it.
func shownRoomName(name string) string { return cmp.Or(name, roomName) }

// room returns the room with a name. The only one that has none is called main.
func (a *operator) room(name string) (*server.Room, error) {
	if room := a.server.RoomNamed(name); room != nil {
		return room, nil
	}
	if room := a.server.RoomNamed(""); room != nil && name == roomName {
		return room, nil
	}
	var names []string
	for _, room := range a.server.Rooms() {
		names = append(names, strconv.Quote(shownRoomName(room.Name())))
	}
	const few = 10
	if len(names) > few {
		return nil, fmt.Errorf("there is no room %q; 'rooms' shows those that there are", name)
	}
	return nil, fmt.Errorf("there is no room %q; there is %s", name, strings.Join(names, ", "))
}

func (a *operator) say(ctx context.Context, r admin.Request) (admin.Result, error) {
	to := a.server.Rooms()
	if r.Room != "" {
		room, err := a.room(r.Room)
		if err != nil {
			return nil, err
		}
		to = []*server.Room{room}
	}
	if strings.TrimSpace(r.Text) == "" {
		return nil, errors.New("the text is empty")
	}
	messages, err := messagesOf(a.server.Sender().Name, cutText(r.Text))
	if err != nil {
		return nil, err
	}
	said := &admin.Said{Messages: len(messages), Rooms: make([]string, 0, len(to))}
	var failed []error
	for _, room := range to {
		if err := a.sayIn(ctx, room, messages); err != nil {
			failed = append(failed, fmt.Errorf("not said in %s: %w", shownRoomName(room.Name()), err))
			continue
		}
		said.Rooms = append(said.Rooms, shownRoomName(room.Name()))
	}
	return said, errors.Join(failed...)
}

// sayTimeout is how long it is tried to say something in a room that is held, and sayPause
// how often.
const (
	sayTimeout = 5 * time.Second
	sayPause   = 100 * time.Millisecond
)

var errSayTimeout = errors.New("the server is too busy; it may still be said")

func (a *operator) sayIn(ctx context.Context, room *server.Room, messages []wire.Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, sayTimeout, errSayTimeout)
	defer cancel()
	for some := range slices.Chunk(messages, server.MaxSpeech) {
		if err := a.sayInTime(ctx, room, some); err != nil {
			return err
		}
	}
	return nil
}

// sayInTime says messages in a room, when it is not held, before ctx is done.
func (a *operator) sayInTime(ctx context.Context, room *server.Room, messages []wire.Message) error {
	for {
		_, err := a.server.Speak(ctx, room, a.server.Sender(), messages...)
		if !errors.Is(err, server.ErrHeld) && !errors.Is(err, server.ErrTooMany) {
			return err
		}
		select {
		case <-time.After(sayPause):
		case <-ctx.Done():
			return err
		}
	}
}

func (a *operator) rooms() admin.Result {
	rooms := &admin.Rooms{Rooms: make([]admin.Room, 0, 1)}
	for _, room := range a.server.Rooms() {
		log, state := room.Log(), "open"
		switch {
		case log.Held():
			state = "held"
		case log.Pressed():
			state = "pressed"
		}
		shown := admin.Room{
			Name: shownRoomName(room.Name()), Clients: room.Clients(), MaxClients: room.MaxClients(),
			Messages: log.Number(log.Head()) - 1, State: state,
		}
		if a.peers != nil {
			everywhere := shown.Clients + int64(a.peers.Clients(room.Name()))
			shown.ClusterClients = &everywhere
		}
		rooms.Rooms = append(rooms.Rooms, shown)
	}
	return rooms
}

// clients returns how many clients there are in all rooms.
func (a *operator) clients() (n int64) {
	for _, room := range a.server.Rooms() {
		n += room.Clients()
	}
	return n
}

func (a *operator) rekey(r admin.Request) (admin.Result, error) {
	room, err := a.room(r.Room)
	if err != nil {
		return nil, err
	}
	if r.Key == "" {
		return nil, errors.New("the key is empty, so everyone could join")
	}
	const until = "the former key is in force again when the server is started again"
	notes := until + ", unless it is changed there, too"
	if a.rereads {
		notes = until + " or its file of rooms is read again (reload, SIGHUP), unless it is changed there, too"
	}
	err = a.rekeyed.rekey(room.Name(), r.Key, func() error { return a.server.SetKey(room, r.Key) })
	if err != nil {
		return nil, err
	}
	result := &admin.Rekeyed{Room: shownRoomName(room.Name()), Disconnected: r.Disconnect, Notes: []string{notes}}
	if a.peers != nil {
		result.Notes = append(result.Notes, "the key is another one at this server only; the other servers of the cluster have the former one until it is changed at each of them")
	}
	if r.Disconnect {
		a.server.Disconnect(room)
	}
	if why := weakness(r.Key); why != "" {
		result.Notes = append(result.Notes, fmt.Sprintf("the key is weak (%s) and soon guessed; take four random words, or openssl rand -hex 8", why))
	}
	return result, nil
}

func (a *operator) reload() (admin.Result, error) {
	if a.reloads == nil {
		return nil, errors.New("this server has no file to read again: no --config, --rooms, --keys, --webhooks, --motd or --tls-cert, and none in --allow or --deny")
	}
	return &admin.Reloaded{Reloaded: true}, a.reloads.Reload()
}

func (a *operator) setLevel(r admin.Request) (admin.Result, error) {
	former := strings.ToLower(a.level.Level().String())
	if r.Level == "" {
		return &admin.Level{Level: former}, nil
	}
	to, err := level(r.Level)
	if err != nil {
		return nil, err
	}
	a.level.Set(to)
	return &admin.Level{Level: r.Level, Former: former}, nil
}

func (a *operator) stats() (admin.Result, error) {
	numbers, err := metrics.Numbers(a.counted)
	if err != nil {
		return nil, err
	}
	numbers["pid"], numbers["version"] = os.Getpid(), a.build.recorded().String()
	numbers["uptime_seconds"] = int(time.Since(a.began) / time.Second)
	stats, err := json.Marshal(numbers)
	return &admin.Stats{Stats: stats}, err
}
