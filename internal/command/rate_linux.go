package command

import (
	"sop-chat/internal/rooms"
	"sop-chat/internal/server"
)

// rateOf returns how many messages each member of a room may send.
func rateOf(room rooms.Room) server.Rate {
	return server.Rate{Messages: room.Rate.Messages, Per: room.Rate.Per, Burst: burstOf(room)}
}
