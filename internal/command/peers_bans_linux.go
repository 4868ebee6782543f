package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"sop-chat/internal/cluster"
	"sop-chat/internal/english"
	"sop-chat/internal/origin"
	"sop-chat/internal/repeat"
	"sop-chat/internal/server"
)

// The bans of operators are kept by NATS, so that they hold at all servers of a cluster, those
// that start later too. What NATS has yet to be told, because it is away, is kept here until
// then. What NATS says of the same networks counts meanwhile only if it comes after that.

const (
	// bansInterval is how often it is tried to tell what NATS has yet to be told.
	bansInterval = time.Second
	// bansWait is how long NATS may take to answer.
	bansWait = 2 * time.Second
	// tidyInterval is how often NATS is made to forget bans that are over, and tidyWait how
	// long that may take.
	tidyInterval = time.Hour
	tidyWait     = time.Minute
	// mostLogged is how many bans that change at the same time are logged one by one.
	mostLogged = 20
)

// A keptBan is what is kept with a ban.
type keptBan struct {
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"` // the operator
	Server string `json:"server"`
}

// keptOf returns a ban as NATS keeps it.
func (p *clusterPeers) keptOf(l origin.Listed) cluster.Ban {
	data, err := json.Marshal(keptBan{l.Reason, l.By, p.name})
	if err != nil { // strings can be encoded
		panic(err)
	}
	return cluster.Ban{Key: l.Network.String(), Data: data, Until: l.Until}
}

// listedOf returns a ban that NATS keeps. One that was removed has no more than its network.
func (p *clusterPeers) listedOf(b cluster.Ban) (l origin.Listed, err error) {
	if l.Network, err = netip.ParsePrefix(b.Key); err != nil || l.Network != l.Network.Masked() {
		return l, fmt.Errorf("%q is not a network", b.Key)
	}
	if b.Removed {
		return l, nil
	}
	var kept keptBan
	if err := json.Unmarshal(b.Data, &kept); err != nil {
		return l, fmt.Errorf("what is kept of the ban of %s can't be understood: %w", l.Network, err)
	}
	if len(kept.By) > mostOfActor || server.CheckReason(kept.Reason) != nil {
		return l, fmt.Errorf("the ban of %s has a reason or a name that is too long", l.Network)
	}
	l.Until, l.Reason, l.By = b.Until, kept.Reason, kept.By
	if kept.Server != p.name {
		l.By = actorAt(kept.By, kept.Server)
	}
	return l, nil
}

// keep has NATS be told of a ban that holds here.
func (p *clusterPeers) keep(l origin.Listed) { p.leaveToTell(p.keptOf(l)) }

// lift has NATS be told that a ban was removed here.
func (p *clusterPeers) lift(network netip.Prefix) {
	p.leaveToTell(cluster.Ban{Key: network.String(), Removed: true})
}

func (p *clusterPeers) leaveToTell(b cluster.Ban) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toTell[b.Key] = &untold{Ban: b}
}

// An untold is what NATS has yet to be told of a ban, or has yet to acknowledge.
type untold struct {
	cluster.Ban
	heard *cluster.Ban // the last that NATS has said of it since it has this one; nil: nothing
}

// hear takes what NATS says of the same network.
func (u *untold) hear(b cluster.Ban) {
	if u.heard != nil || isSame(u.Ban, b) {
		u.heard = &b
	}
}

// last returns what holds when NATS has acknowledged it.
func (u *untold) last() cluster.Ban {
	if u.heard != nil {
		return *u.heard
	}
	return u.Ban
}

// leftToTell returns what NATS has yet to be told.
func (p *clusterPeers) leftToTell() []cluster.Ban {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []cluster.Ban
	for _, key := range slices.Sorted(maps.Keys(p.toTell)) {
		all = append(all, p.toTell[key].Ban)
	}
	return all
}

// tell tells NATS what it has yet to be told, until an error.
func (p *clusterPeers) tell(ctx context.Context) error {
	p.telling.Lock()
	defer p.telling.Unlock()
	for _, b := range p.leftToTell() {
		var err error
		switch {
		case !p.connected():
			err = cluster.ErrAway
		case b.Removed:
			err = p.RemoveBan(ctx, b.Key)
		default:
			err = p.SetBan(ctx, b)
		}
		if err != nil {
			return err
		}
		p.told(b)
	}
	return nil
}

// told has what NATS has acknowledged hold here, or what came after it.
func (p *clusterPeers) told(b cluster.Ban) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.toTell[b.Key]; u != nil && isSame(u.Ban, b) { // and not another one meanwhile
		delete(p.toTell, b.Key)
		if isOver := !b.Until.IsZero() && !time.Now().Before(b.Until); !isOver {
			p.apply([]cluster.Ban{u.last()}, false)
		}
	}
}

func isSame(a, b cluster.Ban) bool {
	return a.Key == b.Key && a.Removed == b.Removed && a.Until.Equal(b.Until) && string(a.Data) == string(b.Data)
}

// tellNow tells NATS what it has yet to be told. If that is not possible, it returns a note
// that other servers do not know yet what was done here.
func (p *clusterPeers) tellNow(ctx context.Context) (notes []string) {
	ctx, cancel := context.WithTimeout(ctx, bansWait)
	defer cancel()
	switch err := p.tell(ctx); {
	case errors.Is(err, cluster.ErrAway):
		notes = append(notes, "the other servers are told when NATS can be reached again")
	case err != nil:
		notes = append(notes, fmt.Sprintf("the other servers are told when NATS takes it, which has refused it: %v", err))
	}
	return notes
}

// untold returns a note on what NATS has yet to be told, if there is any.
func (p *clusterPeers) untold() (notes []string) {
	if n := len(p.leftToTell()); n > 0 {
		notes = append(notes, "NATS, and so other servers, have yet to be told of "+english.Count(n, "ban")+" that "+english.Were(n)+" made or removed here")
	}
	return notes
}

// hearBan is told of a ban that NATS keeps. It and works are called by one goroutine.
func (p *clusterPeers) hearBan(b cluster.Ban) {
	if p.hearing != nil { // all come that there are
		p.hearing[b.Key] = b
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.apply([]cluster.Ban{b}, false)
}

// apply has bans hold here that NATS keeps, or not any more. The caller holds the lock, so
// that the last that NATS says is what holds.
func (p *clusterPeers) apply(bans []cluster.Ban, isFirst bool) {
	var set []origin.Listed
	var lift []netip.Prefix
	for _, b := range bans {
		switch l, err := p.listedOf(b); {
		case p.toTell[b.Key] != nil:
			p.toTell[b.Key].hear(b)
		case err != nil:
			p.logger.Warn("a ban of the cluster does not hold here", "error", err)
		case b.Removed:
			lift = append(lift, l.Network)
		default:
			set = append(set, l)
		}
	}
	now := time.Now()
	lifted := p.operator.origins.Lift(lift, now)
	changed, err := p.operator.origins.BanAll(set, now)
	if err != nil {
		p.logger.Warn("some bans of the cluster do not hold here", "error", err)
	}
	p.logBans(changed, lifted, isFirst)
	if len(changed) > 0 {
		p.toEnd = append(p.toEnd, changed...)
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// logBans logs which bans hold from now on, and which do not any more.
func (p *clusterPeers) logBans(changed, lifted []origin.Listed, isFirst bool) {
	n, log := len(changed)+len(lifted), p.operator.logChange
	ctx := context.Background()
	switch {
	case n == 0:
	case isFirst || n > mostLogged:
		log(ctx, "bans of the cluster hold here", slog.Int("new", len(changed)), slog.Int("removed", len(lifted)))
	default:
		for _, l := range changed {
			log(ctx, "a ban of the cluster holds here", slog.String("network", repeat.Name(l.Network)), slog.String(actorKey, l.By), slog.String("reason", l.Reason))
		}
		for _, l := range lifted {
			log(ctx, "a ban of the cluster is removed", slog.String("network", repeat.Name(l.Network)))
		}
	}
}

// tendBans tells NATS what it has yet to be told, ends the connections from networks that are
// banned elsewhere, and has NATS forget what is over.
func (p *clusterPeers) tendBans(ctx context.Context) {
	ticker := time.NewTicker(bansInterval)
	defer ticker.Stop()
	select {
	case <-p.server.Serving():
	case <-ctx.Done():
		return
	}
	within := func(wait time.Duration, what string, do func(context.Context) error) {
		asked, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if err := do(asked); err != nil && ctx.Err() == nil {
			p.logger.Log(ctx, slog.LevelDebug, what, "error", err)
		}
	}
	for tidied := time.Now(); ; {
		p.endBanned(ctx)
		if p.connected() {
			within(bansWait, "NATS does not take the bans of operators", p.tell)
			if time.Since(tidied) > tidyInterval {
				tidied = time.Now()
				within(tidyWait, "NATS does not forget bans that are over", p.TidyBans)
			}
		}
		select {
		case <-p.wake:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// endBanned ends the connections from networks that are banned elsewhere.
func (p *clusterPeers) endBanned(ctx context.Context) {
	p.mu.Lock()
	all := p.toEnd
	p.toEnd = nil
	p.mu.Unlock()
	if len(all) > mostLogged { // as after a start, or a long time without NATS
		all = p.withMembers(ctx, all)
	}
	for _, l := range all {
		if _, err := p.server.KickBanned(ctx, l.Network, l.Reason); err != nil && ctx.Err() == nil {
			p.logger.Warn("clients that are banned are not disconnected", "network", repeat.Name(l.Network), "error", err)
		}
	}
}

// withMembers returns those bans of which there are members. A connection that is none yet is
// refused when it gives its key.
func (p *clusterPeers) withMembers(ctx context.Context, bans []origin.Listed) []origin.Listed {
	members, err := p.server.Members(ctx, server.Who{})
	if err != nil {
		return nil
	}
	banned := make(map[netip.Addr]bool)
	for _, m := range members {
		addr := m.Addr.Addr().Unmap().WithZone("")
		if v, _ := p.operator.origins.Banned(addr, time.Now()); v == origin.Barred {
			banned[addr] = true
		}
	}
	return slices.DeleteFunc(bans, func(l origin.Listed) bool {
		for addr := range banned {
			if l.Network.Contains(addr) {
				return false
			}
		}
		return true
	})
}
