package command

import (
	"context"
	"errors"
	"fmt"

	"sop-chat/internal/admin"
	"sop-chat/internal/origin"
)

// What operators do in a cluster concerns all of its servers. Each does its part, and the one
// that was asked says what came of it where.

var errNotServing = errors.New("the server has yet to begin to serve")

// doFor does what an operator asks for at another server, at this one alone. It is logged if
// it changes something.
func (a *operator) doFor(ctx context.Context, from, kind string, r peerRequest) (any, error) {
	select {
	case <-a.server.Serving():
	case <-ctx.Done():
		return nil, errNotServing
	}
	defer a.requests.Begin()()
	by := actorAt(r.By, from)
	result, changes, err := a.actFor(ctx, by, kind, r)
	r.Request.Command = kind
	a.log(ctx, by, r.Request, !changes, err)
	return result, err
}

// actorAt returns what an operator at another server is called.
func actorAt(by, server string) string { return fmt.Sprintf("%s, at %s", by, server) }

// actFor does what an operator asks for at another server, and reports whether that changes
// something.
func (a *operator) actFor(ctx context.Context, by, kind string, r peerRequest) (result any, changes bool, err error) {
	switch kind {
	case kindWho:
		result, err = a.whoHere(ctx, r.Request)
	case kindFind:
		result, err = a.findHere(ctx, r.Request, true)
	case kindKick:
		var kicked *admin.Kicked
		if kicked, err = a.kickHere(ctx, r, true); err == nil {
			result, changes = kicked, len(kicked.Clients) > 0
		}
	case kindBan:
		var l origin.Listed
		if l, err = r.listed(by); err == nil {
			result, changes, err = a.banHere(ctx, l)
		}
	case kindUnban:
		network, wrong := origin.ParseNetwork(r.Request.Network)
		if err = wrong; err == nil {
			unbanned := a.unbanHere(network)
			result, changes = &unbanned.Unbanned, len(unbanned.Bans) > 0
		}
	case kindBans:
		result = a.bansForKeysHere()
	default:
		err = fmt.Errorf("this server, of version %s, knows no command %q of others", a.build.recorded(), kind)
	}
	return result, changes, err
}
