package cluster

import (
	"sop-chat/internal/broadcast"
)

// maxForeign is how many senders of other servers are remembered.
const maxForeign = 1 << 14

// A foreignID is a client of another server.
type foreignID struct {
	server string // its token
	id     uint64
}

// foreigners are the senders of other servers. A sender that is forgotten becomes another,
// which makes no difference to anybody: none of them is a member here.
type foreigners map[foreignID]*broadcast.Sender

// sender returns the sender that joined with a name.
func (f foreigners) sender(server string, id uint64, name []byte) *broadcast.Sender {
	key := foreignID{server, id}
	if known := f[key]; known != nil && known.Name == string(name) {
		return known
	}
	if len(f) >= maxForeign {
		clear(f)
	}
	s := &broadcast.Sender{ID: id, Name: string(name)}
	if id != 0 { // or else it is no client
		s.ID |= broadcast.Elsewhere
	}
	f[key] = s
	return s
}
