package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/console"
	"sop-chat/internal/english"
	"sop-chat/internal/limit"
	"sop-chat/internal/metrics"
	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

// An operator does what is asked for at the server's socket, and at its terminal. Any
// goroutine may call do.
type operator struct {
	server   *server.Server
	origins  *origin.Table
	level    *slog.LevelVar
	reloads  reloads  // nil: there is nothing to be read again
	upgrades upgrades // nil: the server can't be upgraded
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
		server: s, origins: origins, level: o.logged, rekeyed: open.rekeyed, rereads: open.rereads, counted: counted,
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
	attrs := append([]slog.Attr{slog.String("command", r.Command), slog.String(actorKey, by.String())}, about(r)...)
	log := func() {
		level := max(slog.LevelInfo, a.level.Level())
		if slices.Contains(questions, r.Command) || r.Command == "loglevel" && r.Level == "" {
			level = slog.LevelDebug
		}
		a.logger.LogAttrs(ctx, level, "an operator acts", attrs...)
	}
	if r.Command == "upgrade" {
		log() // if it succeeds, nobody is there to do so
		return a.act(ctx, by, r)
	}
	select { // who asks while the program is replaced does not notice
	case <-a.server.Serving():
	case <-ctx.Done():
	}
	defer a.requests.Begin()()
	result, err := a.act(ctx, by, r)
	if err != nil {
		attrs = append(attrs, slog.Any("refused", err))
	}
	log()
	return result, err
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
		return a.who(ctx, r)
	case "kick":
		return a.kick(ctx, r)
	case "ban":
		return a.ban(ctx, by, r)
	case "unban":
		return a.unban(r)
	case "bans":
		return a.bans(), nil
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

func (a *operator) who(ctx context.Context, r admin.Request) (admin.Result, error) {
	who := server.Who{}
	if r.Room != "" {
		var err error
		if who.Room, err = a.room(r.Room); err != nil {
			return nil, err
		}
	}
	members, err := a.server.Members(ctx, who)
	return &admin.Clients{Clients: clientsOf(members)}, err
}

// clientsOf returns members as they are shown, in the order of their IDs.
func clientsOf(members []server.Member) []admin.Client {
	slices.SortFunc(members, func(a, b server.Member) int { return cmp.Compare(a.ID, b.ID) })
	clients := make([]admin.Client, len(members))
	for i, m := range members {
		c := &clients[i]
		*c = admin.Client{ID: m.ID, Room: shownRoomName(m.Room), Address: m.Addr.String(), Connection: "tcp", Label: m.Label, Unsent: m.Unsent}
		c.SetName(m.Name)
		if m.WebSocket {
			c.Connection = "websocket"
		}
	}
	return clients
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

func (a *operator) kick(ctx context.Context, r admin.Request) (admin.Result, error) {
	if r.Target == "" { // perhaps of a variable that is not set
		return nil, errors.New("the client is missing: give its ID, its name or its address; one without a name has an ID")
	}
	who := server.Who{}
	if r.Room != "" {
		var err error
		if who.Room, err = a.room(r.Room); err != nil {
			return nil, err
		}
	}
	all, err := a.server.Members(ctx, who)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(all, r.Target, r.All)
	if err != nil {
		return nil, err
	}
	who.IDs = make([]uint64, len(chosen))
	for i, m := range chosen {
		who.IDs[i] = m.ID
	}
	slices.Sort(who.IDs)
	kicked, err := a.server.Kick(ctx, who, r.Reason)
	if err == nil && len(kicked) == 0 {
		err = fmt.Errorf("%q has left", r.Target)
	}
	return &admin.Kicked{Clients: clientsOf(kicked)}, err
}

// choose returns the members that an operator means.
func choose(members []server.Member, target string, all bool) ([]server.Member, error) {
	having := func(has func(*server.Member) bool) (some []server.Member) {
		for i := range members {
			if has(&members[i]) {
				some = append(some, members[i])
			}
		}
		return some
	}
	if id, err := strconv.ParseUint(target, 10, 64); err == nil {
		if some := having(func(m *server.Member) bool { return m.ID == id }); len(some) > 0 {
			return some, nil
		}
	}
	if at, err := netip.ParseAddrPort(target); err == nil {
		if some := having(func(m *server.Member) bool { return m.Addr == at }); len(some) > 0 {
			return some, nil
		}
	}
	if addr, err := netip.ParseAddr(target); err == nil {
		addr = addr.Unmap()
		if some := having(func(m *server.Member) bool { return m.Addr.Addr().Unmap() == addr }); len(some) > 0 {
			return some, nil
		}
	}
	named := having(func(m *server.Member) bool {
		return m.Name == target || string(console.EscapeName(nil, []byte(m.Name))) == target
	})
	switch {
	case len(named) == 0:
		return nil, fmt.Errorf("there is no client %q; 'who' shows those that there are", target)
	case len(named) > 1 && !all:
		var ids []string
		for _, c := range clientsOf(named) {
			ids = append(ids, fmt.Sprintf("%d (%s in %s)", c.ID, c.Address, c.Room))
		}
		const few = 5
		if len(ids) > few {
			ids = append(ids[:few], "…")
		}
		return nil, fmt.Errorf("%s have the name %q: %s; give one's ID, or --all", english.Count(len(named), "client"), target, strings.Join(ids, ", "))
	}
	return named, nil
}

func (a *operator) ban(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	network, err := origin.ParseNetwork(r.Network)
	if err != nil {
		return nil, err
	}
	if err := server.CheckReason(r.Reason); err != nil {
		return nil, err
	}
	listed := origin.Listed{Network: network, Reason: r.Reason, By: by.String()}
	if r.For != "" {
		for_, err := age(r.For)
		if err != nil {
			return nil, err
		}
		listed.Until = time.Now().Add(for_)
	}
	if err := a.origins.Ban(listed, time.Now()); err != nil {
		return nil, err
	}
	members, err := a.server.KickBanned(ctx, network, r.Reason)
	return &admin.Banned{Ban: banOf(listed), Clients: clientsOf(members)}, err
}

// banOf returns a ban as it is shown.
func banOf(l origin.Listed) admin.Ban {
	b := admin.Ban{Network: repeat.Name(l.Network), Keys: l.Keys, Reason: l.Reason, By: l.By}
	if !l.Until.IsZero() {
		until := l.Until.Round(0).UTC()
		b.Until = &until
	}
	return b
}

func bansOf(all []origin.Listed) []admin.Ban {
	bans := make([]admin.Ban, len(all))
	for i, l := range all {
		bans[i] = banOf(l)
	}
	return bans
}

func (a *operator) bans() admin.Result {
	return &admin.Bans{Bans: bansOf(a.origins.Bans(time.Now()))}
}

func (a *operator) unban(r admin.Request) (admin.Result, error) {
	network, err := origin.ParseNetwork(r.Network)
	if err != nil {
		return nil, err
	}
	removed := a.origins.Unban(network, time.Now())
	if len(removed) == 0 {
		for _, l := range a.origins.Bans(time.Now()) {
			if l.Network.Overlaps(network) {
				return nil, fmt.Errorf("%s is not banned, but %s is", repeat.Name(network), repeat.Name(l.Network))
			}
		}
		return nil, fmt.Errorf("%s is not banned; 'bans' shows what is", repeat.Name(network))
	}
	return &admin.Unbanned{Bans: bansOf(removed)}, nil
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
		rooms.Rooms = append(rooms.Rooms, admin.Room{
			Name: shownRoomName(room.Name()), Clients: room.Clients(), MaxClients: room.MaxClients(),
			Messages: log.Number(log.Head()) - 1, State: state,
		})
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
