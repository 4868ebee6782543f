//go:build linux

package server

import (
	"time"

	"sop-chat/internal/websocket"
	"sop-chat/internal/wire"
)

// A message of the day is what a client is sent right behind its echo, as messages from the
// server: by the acceptor, so nothing of the room can come before it. It is not said in the
// room, and has no number there. A client of Subprotocol gets it in a frame with the number
// 0, if it says that it takes such a frame (Since.Motd), and only if it comes for the first
// time.
type motd struct {
	messages []byte // whole
	framed   []byte // in a frame
}

// MaxMotd is how many messages the message of the day may have.
const MaxMotd = 8

// SetMotd sets what each client is sent that joins from then on, MaxMotd messages at most;
// none is nothing.
func (s *Server) SetMotd(messages ...wire.Message) { s.motd.Store(newMotd(messages)) }

func newMotd(messages []wire.Message) *motd {
	switch {
	case len(messages) == 0:
		return nil
	case len(messages) > MaxMotd:
		panic("server: the message of the day is too long")
	}
	d := new(motd)
	for i := range messages {
		d.messages = append(d.messages, messages[i][:]...)
	}
	d.framed = append(websocket.AppendHeader(nil, len(d.messages)), d.messages...)
	return d
}

// numbered returns the frame of a client of Subprotocol.
func (d *motd) numbered(at time.Time) []byte {
	const outside = 0 // messages of the room have greater numbers
	b := websocket.AppendHeader(nil, numberSize+len(d.messages))
	return append(appendNumber(b, outside, at), d.messages...)
}

// greet has a connection that is about to get its echo be sent the message of the day after
// that, if there is one for it.
func (a *acceptor) greet(p *pendingConn) {
	d := a.motd.Load()
	if d == nil {
		return
	}
	c, bytes := p.conn, d.messages
	switch c.framing {
	case webSocket:
		bytes = d.framed
	case numbered:
		if !p.has.Motd || p.room.epochs.Has(p.has.Epoch) {
			return
		}
		bytes = d.numbered(a.wall)
	}
	c.makePartial(a.system).greeting = bytes
}
