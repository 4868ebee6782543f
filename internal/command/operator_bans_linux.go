package command

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
	"sop-chat/internal/server"
)

// ban bans a network, at all servers of a cluster.
func (a *operator) ban(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	ban := peerRequest{By: by.String(), Request: admin.Request{Network: r.Network, For: r.For, Reason: r.Reason}} // of which For is for logs
	if r.For != "" {
		for_, err := age(r.For)
		if err != nil {
			return nil, err
		}
		until := time.Now().Add(for_).Truncate(time.Millisecond) // as all servers have it
		ban.Until = &until
	}
	listed, err := ban.listed(ban.By)
	if err != nil {
		return nil, err
	}
	banned, _, err := a.banHere(ctx, listed)
	if err != nil || a.peers == nil {
		return banned, err
	}
	a.peers.keep(listed)
	others, notes := askPeers[admin.Banned](ctx, a.peers, kindBan, ban)
	for i := range others {
		banned.Clients, banned.Notes = merge(banned.Clients, banned.Notes, others[i].server, others[i].result.Clients, others[i].result.Notes)
	}
	sortClients(banned.Clients)
	untold := a.peers.tellNow(ctx)
	banned.Notes = append(append(banned.Notes, notes...), untold...)
	banned.Cluster = len(untold) == 0
	return banned, nil
}

// listed returns the ban that is asked for by an operator.
func (r *peerRequest) listed(by string) (l origin.Listed, err error) {
	l = origin.Listed{Reason: r.Request.Reason, By: by}
	if l.Network, err = origin.ParseNetwork(r.Request.Network); err != nil {
		return l, err
	}
	if r.Until != nil {
		l.Until = *r.Until
	}
	return l, server.CheckReason(l.Reason)
}

// banHere has a ban hold at this server, and reports whether it is not the same as before.
func (a *operator) banHere(ctx context.Context, l origin.Listed) (banned *admin.Banned, isNew bool, err error) {
	changed, err := a.origins.BanAll([]origin.Listed{l}, time.Now())
	if err != nil {
		return nil, false, err
	}
	members, err := a.server.KickBanned(ctx, l.Network, l.Reason)
	if err != nil {
		return nil, false, err
	}
	return &admin.Banned{Ban: a.banOf(l), Clients: a.clientsOf(members)}, len(changed) > 0, nil
}

// banOf returns a ban as it is shown, with this server's name in a cluster if it is banned for
// wrong keys, which are this server's own.
func (a *operator) banOf(l origin.Listed) admin.Ban {
	b := banOf(l)
	if l.Keys > 0 {
		b.Server = a.peers.serverName()
	}
	return b
}

func (a *operator) bansOf(all []origin.Listed) []admin.Ban {
	bans := make([]admin.Ban, len(all))
	for i, l := range all {
		bans[i] = a.banOf(l)
	}
	return bans
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

// bans returns the bans of operators, and those for wrong keys, of all servers of a cluster.
func (a *operator) bans(ctx context.Context, by admin.Actor) *admin.Bans {
	bans := &admin.Bans{Bans: a.bansOf(a.origins.Bans(time.Now()))}
	if a.peers == nil {
		return bans
	}
	others, notes := askPeers[admin.Bans](ctx, a.peers, kindBans, peerRequest{By: by.String()})
	for i := range others {
		bans.Bans, bans.Notes = mergeBans(bans.Bans, bans.Notes, others[i].server, others[i].result.Bans, others[i].result.Notes)
	}
	bans.Notes = append(append(bans.Notes, notes...), a.peers.untold()...)
	return bans
}

// bansForKeysHere returns the bans for wrong keys of this server.
func (a *operator) bansForKeysHere() *admin.Bans {
	all := slices.DeleteFunc(a.origins.Bans(time.Now()), func(l origin.Listed) bool { return l.Keys == 0 })
	return &admin.Bans{Bans: a.bansOf(all)}
}

// mergeBans adds what another server says of its bans. Those of operators are all servers'.
func mergeBans(all []admin.Ban, notes []string, from string, bans []admin.Ban, noted []string) ([]admin.Ban, []string) {
	for _, b := range bans {
		b.Server = from // whatever it says
		if b.Keys == 0 {
			b.Server = ""
			if slices.ContainsFunc(all, func(other admin.Ban) bool { return other.Keys == 0 && other.Network == b.Network }) {
				continue
			}
		}
		all = append(all, b)
	}
	for _, note := range noted {
		notes = append(notes, from+": "+note)
	}
	return all, notes
}

// unban removes the bans of a network, at all servers of a cluster.
func (a *operator) unban(ctx context.Context, by admin.Actor, r admin.Request) (admin.Result, error) {
	network, err := origin.ParseNetwork(r.Network)
	if err != nil {
		return nil, err
	}
	unbanned := a.unbanHere(network)
	if a.peers != nil {
		if unbanned.isOperators() {
			a.peers.lift(network) // before others might tell of it again
		}
		others, notes := askPeers[admin.Unbanned](ctx, a.peers, kindUnban, peerRequest{By: by.String(), Request: admin.Request{Network: r.Network}})
		for i := range others {
			unbanned.Bans, unbanned.Notes = mergeBans(unbanned.Bans, unbanned.Notes, others[i].server, others[i].result.Bans, others[i].result.Notes)
		}
		unbanned.Notes = append(unbanned.Notes, notes...)
		if unbanned.isOperators() {
			a.peers.lift(network)
			unbanned.Notes = append(unbanned.Notes, a.peers.tellNow(ctx)...)
		}
	}
	if len(unbanned.Bans) > 0 {
		return &unbanned.Unbanned, nil
	}
	err = fmt.Errorf("%s is not banned; 'bans' shows what is", repeat.Name(network))
	for _, l := range a.origins.Bans(time.Now()) {
		if l.Network.Overlaps(network) {
			err = fmt.Errorf("%s is not banned, but %s is", repeat.Name(network), repeat.Name(l.Network))
			break
		}
	}
	return nil, noted(err, unbanned.Notes)
}

// An unbanned is the result of unban.
type unbanned struct{ admin.Unbanned }

// isOperators reports whether a ban that an operator has made was removed.
func (u *unbanned) isOperators() bool {
	return slices.ContainsFunc(u.Bans, func(b admin.Ban) bool { return b.Keys == 0 })
}

// unbanHere removes the bans of a network at this server.
func (a *operator) unbanHere(network netip.Prefix) *unbanned {
	return &unbanned{admin.Unbanned{Bans: a.bansOf(a.origins.Unban(network, time.Now()))}}
}
