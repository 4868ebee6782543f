//go:build linux

package server

import (
	"log/slog"

	"sop-chat/internal/websocket"
)

// SetDraining has the server let nobody in any more, or let clients in again. Those that
// are in a room stay there.
func (s *Server) SetDraining(is bool) { s.rooms.draining.Store(is) }

// IsDraining reports whether the server lets nobody in.
func (s *Server) IsDraining() bool { return s.rooms.draining.Load() }

// causeDraining is for a connection that comes while the server lets nobody in.
var causeDraining = cause{
	words: "the server lets nobody in for now", reason: serverDraining, level: slog.LevelInfo, complete: true,
}.telling(websocket.TryAgainLater)
