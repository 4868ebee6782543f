package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/server"
)

// peerTimeout is for how long a client may acknowledge nothing before it is
// taken for dead, about as long as its keep-alive takes when it is silent.
const peerTimeout = 2 * time.Minute

// serve runs the server until ctx is done, and then shows what it has taken.
func serve(ctx context.Context, o serveOptions, p Process, logger *slog.Logger) error {
	descriptors := descriptorLimit()
	o.warnOfMaxClients(descriptors, logger)
	pending, perAddress := o.pendingLimits(descriptors)
	s, err := server.New(server.Config{
		Key:                  o.key,
		MaxClients:           o.maxClients,
		MaxPending:           pending,
		MaxPendingPerAddress: perAddress,
		Descriptors:          shareDescriptors(descriptors),
		AuthTimeout:          o.authTimeout,
		StallTimeout:         o.stallTimeout,
		PeerTimeout:          peerTimeout,
		Backlog:              o.backlog,
		Replay:               o.replay,
		Loops:                o.loopsHere(),
		Logger:               logger,
	})
	if err != nil {
		return err
	}
	bound, err := listenAll(ctx, o.bind, o.port, s.Listen)
	if err != nil {
		return err
	}
	if at := s.Addrs(); len(at) == 1 && at[0].Addr() == netip.IPv4Unspecified() {
		bound = []netip.Addr{at[0].Addr()} // there is no IPv6
	}
	site, err := openWeb(ctx, o, s, logger)
	if err != nil {
		return err
	}
	defer site.close()
	kept, err := keep(ctx, s.Log(), o, logger)
	if err != nil {
		return err
	}
	go saveMemory(ctx, p)
	wait := show(s.Log(), o, p, logger)
	tellStage(p.Stderr, o.stage)
	invite(p.Stderr, o.port, bound, o.maxClients)
	site.start(o, logger)
	site.invite(o, p)
	warnOfWeakKey(p.Stderr, o.key, othersReach(append(bound, site.bound...), len(o.web.urls)+len(o.web.proxies) > 0))
	err = errors.Join(s.Serve(ctx), kept())
	wait()
	return err
}

func (o *serveOptions) loopsHere() int { return o.loopsFor(runtime.GOMAXPROCS(0)) }

// checkDescriptors reports that so few descriptors may be open that the server
// could not begin. It is asked before a file is opened, for which Go needs some
// too, or ends the program with a stack trace; it can do with about 8.
func (o *serveOptions) checkDescriptors() error {
	const each, others = 3, 24 // a loop; all else, a few clients included
	least := uint64(each*o.loopsHere() + others)
	var open unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &open) == nil && open.Cur < least {
		return fmt.Errorf("only %d descriptors may be open at a time, and the server needs %d; ulimit -n sets it", open.Cur, least)
	}
	return nil
}
