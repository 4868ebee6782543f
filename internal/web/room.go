//go:build linux

package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

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
	case errors.Is(err, ErrUnchecked):
		tellBusy(w, err)
		return
	case err == nil:
		answer.Name, answer.Replay = room.Name, room.Replay
	}
	w.Header().Set("Cache-Control", "no-store") // it is for those that have the key
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// roomOf returns the room whose key a request has: in base64, because a header can't
// have every character that a key can. Behind "Bearer" alone is an empty key: HTTP cuts
// off the blank.
func (c *Config) roomOf(r *http.Request) (Room, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key, err := base64.StdEncoding.DecodeString(text)
	if scheme != "Bearer" || err != nil || len(key) > wire.TextSize {
		return Room{}, ErrWrongKey
	}
	var m wire.Message
	copy(m[wire.NameSize:], key)
	return c.Room(r.Context(), c.Gateway.Peer(r).Addr(), string(m.Text())) // as the server reads it
}
