package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sop-chat/internal/admin"
	"sop-chat/internal/english"
	"sop-chat/internal/server"
)

// who returns who is in the rooms, of all servers of a cluster.
func (a *operator) who(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	all, err := a.whoHere(ctx, r)
	if err != nil {
		return nil, err
	}
	if a.peers != nil {
		others, notes := askPeers[admin.Clients](ctx, a.peers, kindWho, peerRequest{By: by.String(), Request: admin.Request{Room: r.Room}})
		for i := range others {
			all.Clients, all.Notes = merge(all.Clients, all.Notes, others[i].server, others[i].result.Clients, others[i].result.Notes)
		}
		all.Notes = append(all.Notes, notes...)
		sortClients(all.Clients)
	}
	return all, nil
}

// whoHere returns who is in the rooms of this server.
func (a *operator) whoHere(ctx context.Context, r admin.Request) (*admin.Clients, error) {
	members, err := a.members(ctx, r.Room)
	if err != nil {
		return nil, err
	}
	return &admin.Clients{Clients: a.clientsOf(members)}, nil
}

// members returns the members of a room, or of all.
func (a *operator) members(ctx context.Context, room string) (all []server.Member, err error) {
	who := server.Who{}
	if room != "" {
		if who.Room, err = a.room(room); err != nil {
			return nil, err
		}
	}
	return a.server.Members(ctx, who)
}

// clientsOf returns members as they are shown, with this server's name in a cluster, in the
// order of their IDs.
func (a *operator) clientsOf(members []server.Member) []admin.Client {
	clients := clientsOf(members)
	for i := range clients {
		clients[i].Server = a.peers.serverName()
	}
	return clients
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

// merge adds what another server says of its clients.
func merge(all []admin.Client, notes []string, from string, clients []admin.Client, noted []string) ([]admin.Client, []string) {
	for _, c := range clients {
		c.Server = from // whatever it says
		all = append(all, c)
	}
	for _, note := range noted {
		notes = append(notes, from+": "+note)
	}
	return all, notes
}

// sortClients puts clients of several servers in order.
func sortClients(all []admin.Client) {
	slices.SortStableFunc(all, func(a, b admin.Client) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.ID, b.ID))
	})
}

// kick disconnects clients, of all servers of a cluster.
func (a *operator) kick(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	if r.Target == "" { // perhaps of a variable that is not set
		return nil, errors.New("the client is missing: give its ID, its name or its address; one without a name has an ID")
	}
	if err := server.CheckReason(r.Reason); err != nil {
		return nil, err
	}
	here, err := a.findHere(ctx, r, false)
	if err != nil {
		return nil, err
	}
	ask := peerRequest{By: by.String(), Request: admin.Request{Target: r.Target, Room: r.Room, Reason: r.Reason}}
	var all []peerResult[foundClients]
	var notes []string
	if a.peers != nil {
		all, notes = askPeers[foundClients](ctx, a.peers, kindFind, ask)
	}
	own := a.peers.serverName()
	chosen, err := choose(append(all, peerResult[foundClients]{own, *here}), r.Target, r.All)
	if err != nil {
		return nil, noted(err, notes)
	}
	ask.Match, ask.Request.Target = chosen.match, chosen.target
	kicked := new(admin.Kicked)
	if i := slices.Index(chosen.servers, own); i >= 0 {
		chosen.servers = slices.Delete(chosen.servers, i, i+1)
		if kicked, err = a.kickHere(ctx, ask, false); err != nil {
			return nil, err
		}
	}
	if len(chosen.servers) > 0 {
		others, more := askPeers[admin.Kicked](ctx, a.peers, kindKick, ask, chosen.servers...)
		for i := range others {
			kicked.Clients, kicked.Notes = merge(kicked.Clients, kicked.Notes, others[i].server, others[i].result.Clients, others[i].result.Notes)
		}
		notes = append(notes, more...)
		sortClients(kicked.Clients)
	}
	slices.Sort(notes)
	kicked.Notes = append(kicked.Notes, slices.Compact(notes)...) // one that is silent was asked twice
	if len(kicked.Clients) == 0 {
		return nil, noted(fmt.Errorf("%q has left", r.Target), kicked.Notes)
	}
	return kicked, nil
}

// noted returns an error with notes.
func noted(err error, notes []string) error {
	if len(notes) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(notes, "; "))
}

// findHere returns which clients of this server a target is. The operator may be at another
// one.
func (a *operator) findHere(ctx context.Context, r admin.Request, isRemote bool) (*foundClients, error) {
	members, err := a.members(ctx, r.Room)
	if err != nil {
		return nil, err
	}
	t := target{text: r.Target, server: a.peers.serverName(), isRemote: isRemote}
	return t.find(members), nil
}

// kickHere disconnects the clients of this server that a target is.
func (a *operator) kickHere(ctx context.Context, r peerRequest, isRemote bool) (*admin.Kicked, error) {
	members, err := a.members(ctx, r.Request.Room)
	if err != nil {
		return nil, err
	}
	t := target{text: r.Request.Target, server: a.peers.serverName(), isRemote: isRemote}
	who := server.Who{IDs: []uint64{}} // without any, nobody is meant
	for i := range members {
		if t.has(&members[i], r.Match) {
			who.IDs = append(who.IDs, members[i].ID)
		}
	}
	slices.Sort(who.IDs)
	kicked, err := a.server.Kick(ctx, who, r.Request.Reason)
	if err != nil {
		return nil, err
	}
	return &admin.Kicked{Clients: a.clientsOf(kicked)}, nil
}

// A choice is which clients are to be disconnected.
type choice struct {
	match   match
	target  string
	servers []string // that have some
}

// choose returns which clients an operator means, of those that servers have found.
func choose(found []peerResult[foundClients], text string, all bool) (choice, error) {
	slices.SortFunc(found, func(a, b peerResult[foundClients]) int { return cmp.Compare(a.server, b.server) })
	for _, by := range matches {
		c := choice{match: by, target: text}
		count := 0
		var ids []string
		for _, f := range found {
			some := f.result.by(by)
			if some.Count == 0 {
				continue
			}
			count += some.Count
			c.servers = append(c.servers, f.server)
			for _, client := range some.Clients {
				ids = append(ids, fmt.Sprintf("%s (%s in %s)", fullID(f.server, client.ID), client.Address, client.Room))
				c.target = fullID(f.server, client.ID)
			}
		}
		switch {
		case count == 0:
			continue
		case by != byName || all:
			c.target = text
		case count == 1:
			c.match = byID // or another with the name might come meanwhile
		default:
			if len(ids) > fewFound {
				ids = append(ids[:fewFound], "…")
			}
			return c, fmt.Errorf("%s have the name %q: %s; give one's ID, or --all", english.Count(count, "client"), text, strings.Join(ids, ", "))
		}
		return c, nil
	}
	var elsewhere []string
	for _, f := range found {
		for _, client := range f.result.by(byNumber).Clients {
			elsewhere = append(elsewhere, fmt.Sprintf("%s is %q", fullID(f.server, client.ID), client.ExactName()))
		}
	}
	if len(elsewhere) > 0 {
		return choice{}, fmt.Errorf("this server has no client %s; other servers have: %s", text, strings.Join(elsewhere, ", "))
	}
	return choice{}, fmt.Errorf("there is no client %q; 'who' shows those that there are", text)
}

// fullID returns an ID with its server in a cluster.
func fullID(server string, id uint64) string {
	if server == "" {
		return fmt.Sprint(id)
	}
	return fmt.Sprintf("%s/%d", server, id)
}
