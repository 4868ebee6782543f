//go:build linux

package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"sop-chat/internal/gateway"
	"sop-chat/internal/origin"
	"sop-chat/internal/wire"
)

// about says what a room offers besides chatting, and its name. Without the key of a
// room it says what the server offers, and nothing of which rooms there are: a wrong
// key is answered as none.
func (c *Config) about(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		History bool   `json:"history"`
		Name    string `json:"name,omitempty"`
		Replay  int    `json:"replay"`
	}{History: c.History != "", Replay: c.Replay}
	room, err := c.roomOf(r)
	switch {
	case c.answersRefusal(w, r, err):
		return
	case err == nil:
		answer.Name, answer.Replay = room.Name, room.Replay
	}
	w.Header().Set("Cache-Control", "no-store") // it is for those that have the key
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// answersRefusal answers a request whose key was not looked at, and reports whether that
// is what an error says.
func (c *Config) answersRefusal(w http.ResponseWriter, r *http.Request, err error) bool {
	if refusal, ok := errors.AsType[*gateway.AddressRefusal](err); ok {
		c.Gateway.RefuseAddress(w, r, refusal)
		return true
	}
	if errors.Is(err, ErrUnchecked) {
		tellBusy(w, err)
		return true
	}
	return false
}

// roomOf returns the room whose key a request has. The key counts as one that is given to
// join. If the request's address may give none now, the error is a gateway.AddressRefusal,
// also for a request without a key if the address is banned.
func (c *Config) roomOf(r *http.Request) (Room, error) {
	key, isGiven := keyOf(r)
	return judged(c, r, key, isGiven, c.Room)
}

// judged returns what a key opens that a request has, and tells the origins about it, see
// roomOf.
func judged[T any](c *Config, r *http.Request, key []byte, isGiven bool, open func(context.Context, netip.Addr, string) (T, error)) (opened T, err error) {
	from := c.Gateway.Peer(r).Addr()
	if !isGiven {
		if v, until := c.Addresses.Banned(from, time.Now()); v != origin.Pass {
			return opened, &gateway.AddressRefusal{Why: v, Until: until}
		}
		return opened, ErrWrongKey
	}
	if v, until := c.Addresses.Look(from, time.Now()); v != origin.Pass {
		return opened, &gateway.AddressRefusal{Why: v, Until: until}
	}
	opened, err = open(r.Context(), from, string(key))
	switch {
	case err == nil:
		c.Addresses.Right(from, time.Now())
	case errors.Is(err, ErrWrongKey):
		if ban, isBanned := c.Addresses.Wrong(from, key, time.Now()); isBanned {
			ban.Log(c.Logger)
		}
	default:
		c.Addresses.Skipped(from, time.Now())
	}
	return opened, err
}

// keyOf returns the key that a request has: in base64, because a header can't have every
// character that a key can. Behind "Bearer" alone is an empty key: HTTP cuts off the
// blank.
func keyOf(r *http.Request) (key []byte, isGiven bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key, err := base64.StdEncoding.DecodeString(text)
	if scheme != "Bearer" || err != nil || len(key) > wire.TextSize {
		return nil, false
	}
	var m wire.Message
	copy(m[wire.NameSize:], key)
	return m.Text(), true // as the server reads it
}
