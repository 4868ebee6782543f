package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/english"
	"sop-chat/internal/keys"
	"sop-chat/internal/server"
	"sop-chat/internal/web"
	"sop-chat/internal/webhook"
)

// webhooks have what programs post be said, if --webhooks says so.
type webhooks struct {
	options *serveOptions
	server  *server.Server
	checker *keys.Checker
	limiter webhook.Limiter
}

const (
	// mostHooksWaiting is how many keys of programs may wait to be checked.
	mostHooksWaiting = 32
	// mostPosted is how many messages a text may become.
	mostPosted = 16
	// heldPause is after which time a program may try again while a room is held.
	heldPause = 5 * time.Second
)

// newWebhooks returns nil if there are no keys. Otherwise it is to be closed.
func newWebhooks(o *serveOptions, s *server.Server, logger *slog.Logger) *webhooks {
	if o.webhooks.file == "" {
		return nil
	}
	h := &webhooks{options: o, server: s, checker: keys.NewChecker(keys.Config{Workers: 1, Waiting: mostHooksWaiting})}
	h.checker.SetLines(o.webhooks.lines)
	warnOfKeysFile(o.webhooks.file, o.webhooks.lines, o.webhooks.version, logger)
	return h
}

func (h *webhooks) close() {
	if h != nil {
		h.checker.Close()
	}
}

// forPage returns the webhooks as the page's, which are nil if there are none.
func (h *webhooks) forPage() func(context.Context, netip.Addr, string) (web.Hook, error) {
	if h == nil {
		return nil
	}
	return h.open
}

// open returns the hook of a key, when it has been checked.
func (h *webhooks) open(ctx context.Context, from netip.Addr, key string) (web.Hook, error) {
	line, err := checkedLine(ctx, h.checker, from, key)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, from netip.AddrPort, p webhook.Post) (web.Said, error) {
		return h.say(ctx, line, from, p)
	}, nil
}

// say has what a program posts be said.
func (h *webhooks) say(ctx context.Context, by keys.Line, from netip.AddrPort, p webhook.Post) (web.Said, error) {
	room := h.server.RoomNamed(h.options.personalRoom(by.Room))
	if room == nil {
		return web.Said{}, fmt.Errorf("the room %q is not there now", by.Room)
	}
	texts := cutText(p.Text)
	if len(texts) > mostPosted {
		return web.Said{}, fmt.Errorf("%w: it would be %s, and %d are allowed", web.ErrLong, english.Count(len(texts), "message"), mostPosted)
	}
	name := cmp.Or(p.Username, by.Label)
	if room.VerifiesNames() {
		name = by.Label
	}
	messages, err := messagesOf(name, texts)
	if err != nil {
		return web.Said{}, err
	}
	perSecond, burst := room.Limit()
	if wait := h.limiter.Take(by.Label, len(messages), webhook.Rate{PerSecond: perSecond, Burst: burst}, time.Now()); wait > 0 {
		return web.Said{}, &web.LaterError{Why: errors.New("the key has said as much as the room's rate permits"), After: wait}
	}
	number, err := h.server.Speak(ctx, room, &broadcast.Sender{Name: by.Label, Addr: from}, messages...)
	switch {
	case errors.Is(err, server.ErrHeld), errors.Is(err, server.ErrTooMany):
		return web.Said{}, &web.LaterError{Why: err, After: heldPause}
	case err != nil:
		return web.Said{}, err
	}
	return web.Said{Room: by.Room, Number: number, Messages: len(messages)}, nil
}

// keep keeps the keys as their file says, as keyring.keep does.
func (h *webhooks) keep(ctx context.Context, logger *slog.Logger) (step reloadStep, stop func()) {
	if h == nil {
		return nil, func() {}
	}
	w := &h.options.webhooks
	return keepKeys(ctx, &keysReloader{
		what:  "keys of webhooks",
		file:  w.file,
		read:  func(rooms []string) ([]keys.Line, keys.Version, error) { return readKeysFile(w.file, rooms) },
		rooms: roomsOf(h.server, h.options),
		use: func(lines []keys.Line) {
			h.checker.SetLines(lines)
			h.limiter.Keep(func(label string) bool { _, is := h.checker.Line(label); return is })
		},
		logger: logger,
		lines:  w.lines,
		last:   w.version,
		seen:   w.version,
	})
}
