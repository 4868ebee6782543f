package command

import (
	"context"
	"slices"
	"time"

	"sop-chat/internal/cluster"
	"sop-chat/internal/server"
)

// A peerView is what is known of the members at other servers of a cluster.
type peerView interface {
	Changes() (rooms []string)
	Members(room string) []cluster.ServerMembers
}

var _ peerView = (*cluster.Peers)(nil)

// lookElsewhere tells the rooms who is in them at other servers, as far as that has changed, and
// has members be disconnected whose names others have had for longer. It is for one goroutine.
func (p *clusterPeers) lookElsewhere(ctx context.Context) {
	if p.view == nil {
		return
	}
	changed := p.view.Changes()
	rooms := make(map[string]*server.Room)
	for _, room := range p.server.Rooms() {
		name := room.Name()
		rooms[name] = room
		if _, hasChanged := slices.BinarySearch(changed, name); hasChanged || p.looked[name] != room { // or it was opened since
			p.server.SetElsewhere(room, p.name, othersIn(p.view.Members(name)))
		}
		_, _ = p.server.SettleNames(ctx, room, time.Now()) // the server logs who is disconnected; what fails is tried again
	}
	p.looked = rooms
}

// othersIn returns the members of other servers as a room knows them.
func othersIn(all []cluster.ServerMembers) (others []server.OtherClient) {
	for _, s := range all {
		for _, m := range s.Members {
			others = append(others, server.OtherClient{Server: s.Server, Name: m.Name, Client: m.Client, NamedSince: m.NamedSince})
		}
	}
	return others
}
