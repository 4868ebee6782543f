package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/rooms"
	"sop-chat/internal/server"
)

// peerTimeout is how long a client may acknowledge nothing before it counts as
// dead: about as long as keep-alive takes for a silent one.
const peerTimeout = 2 * time.Minute

// serve runs the server until ctx is done, and then waits until its history and
// its console are complete.
func serve(ctx context.Context, o serveOptions, p Process, reread <-chan struct{}, logger *slog.Logger) error {
	var running atomic.Pointer[upgrader] // nil until the server can be handed over
	interrupted := ctx
	ctx = closeFirst(ctx, func() { running.Load().leave(context.Cause(interrupted)) })
	signals, unlisten := listenForUpgrades(o.stage, p) // before anybody knows that the server runs
	defer unlisten()
	descriptors := descriptorLimit()
	shared := shareDescriptors(descriptors)
	o.warnOfMaxClients(descriptors, logger)
	pending, perAddress := o.pendingLimits(descriptors)
	personal := newKeyring(&o, p, pending, logger)
	defer personal.close()
	origins := o.origins.table(o.proxies)
	former := p.inherited
	config := server.Config{
		Keyring:              personal.forServer(),
		Origins:              origins,
		MaxPending:           pending,
		MaxPendingPerAddress: perAddress,
		Descriptors:          shared,
		Proxies:              o.proxies,
		AuthTimeout:          o.authTimeout,
		StallTimeout:         o.stallTimeout,
		PeerTimeout:          peerTimeout,
		Loops:                o.loopsHere(),
		Name:                 o.serverName,
		Send:                 o.send,
		Logger:               logger,
	}
	s, err := former.server(config)
	if err != nil && former.isStored() {
		former.refuse(&p, err, logger)
		former = nil
		s, err = server.New(config)
	}
	if err != nil {
		return err
	}
	handed := newHandedSockets(p)
	bound, err := handed.listenPlain(ctx, &o, s)
	if err != nil {
		return err
	}
	secure, err := openTLS(ctx, o, p, handed, origins, shared.Full, logger)
	if err != nil {
		return err
	}
	defer secure.close()
	site, err := openWeb(ctx, o, handed, s, secure, origins, logger)
	if err != nil {
		return err
	}
	defer site.close()
	socket, err := o.openAdmin(p, handed, logger)
	if err != nil {
		return err
	}
	defer socket.close()
	monitoring, err := openMetrics(ctx, o, handed)
	if err != nil {
		return err
	}
	defer monitoring.close()
	handed.closeOthers(logger)
	service := newService(p, logger)
	waited := service.extend("waiting for the cluster's stream")
	link, err := openCluster(ctx, o, s, former.cluster(), former.bans(), logger)
	waited()
	if err != nil {
		if ctx.Err() != nil { // while it waited
			return nil
		}
		return err
	}
	defer link.close()
	opened := service.extend("opening the history")
	defer opened()
	keeper, err := openHistory(o, former.history(), logger)
	if err != nil {
		return err
	}
	line := newCommandLine(o, &p)
	display := show(o, p, former.console(), logger)
	defer display.close()
	display.follow(s.Strangers(), "")
	mentions := readMentions(o.mentions, former.mentions(), logger)
	defer mentions.close()
	open := &openRooms{options: &o, server: s, keeper: keeper, display: display, mentions: mentions, cluster: link, byName: make(map[string]openRoom), rekeyed: new(rekeyedRooms)}
	if err := open.openAll(); err != nil {
		return errors.Join(err, keeper.close())
	}
	if former != nil {
		open.takeKeys(former.Rekeyed, logger)
	}
	opened()
	o.talk.setMotd(s)
	keeper.run(ctx)
	go collectWhenIdle(ctx, p)
	if !p.errIsTerminal { // a log is read when the binary may be another one
		logger.Info("starting", "version", p.Build.recorded().String())
	}
	secure.start(s)
	hooks := newWebhooks(&o, s, logger)
	defer hooks.close()
	site.start(o, webRoom(s, personal), hooks.forPage(), origins, logger)
	counted := countedOf(p.Build, s, keeper, secure, link)
	monitoring.start(o, counted, s.Serving(), logger)
	reachable := othersReach(slices.Concat(bound, secure.bound, site.bound), len(o.web.urls)+len(o.proxies) > 0)
	warn := func(all []rooms.Room) { warnOfKeys(p.warnings, all, reachable, logger) }
	if former == nil || former.isStored() {
		announceStage(p.Stderr, o.stage)
		fmt.Fprint(p.Stderr, handed.announce())
		o.invite(p.Stderr, bound, secure)
		site.invite(o, p)
		monitoring.invite(p.Stderr, o)
		o.announceHiddenKeys(p.Stderr)
		warnOfPlaintext(p.warnings, o.endpoints(bound, site.bound))
		warn(o.allRooms())
	}
	reloadKeys, stopLooking := personal.keep(ctx, s, logger)
	defer stopLooking()
	reloadHooks, stopHooks := hooks.keep(ctx, logger)
	defer stopHooks()
	reloadCertificate, stopKeeping := secure.keep(ctx)
	defer stopKeeping()
	reloadLists := func() []*reloadError { return o.origins.reload(origins, s.DisconnectDenied, logger) }
	reload := &reloader{logger: logger, steps: []reloadStep{
		func() []*reloadError { return o.reloadConfig(logger) },
		open.reloadStep(warn, logger), reloadKeys, reloadHooks, reloadCertificate, reloadLists, // the keys are for the new rooms
		o.talk.reloadMotd(s, logger),
	}}
	service.reloading(reload, s)
	ending := service.start(s)
	stopReloading := reload.start(ctx, reread)
	operator := newOperator(&o, p, s, origins, open, reload, counted, logger)
	u := &upgrader{
		options: &o, process: p, server: s, ports: handed.ports, secure: secure, site: site, keeper: keeper, display: display, service: service, stopping: ending,
		reload: reload, open: open, signals: signals, line: line, monitoring: monitoring, socket: socket, operator: operator, mentions: mentions, cluster: link, logger: logger,
	}
	operator.upgrades = u
	defer u.start()()
	running.Store(u)
	defer socket.serve(ctx, operator, logger)()
	defer line.start(ctx, operator)()
	if former != nil {
		former.log(p.Build, logger)
	}
	if err := former.taken(service.notifier); err != nil {
		logger.Warn("what the service manager keeps of the process before can't be closed", "error", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	link.start(operator, fail, func() error { return open.reopen(ctx, reload) })
	link.catchUp(ctx)
	served := s.Serve(closeFirst(closeFirst(closeFirst(closeFirst(closeFirst(ctx, u.stop), ending), secure.stopAccepting), site.close), link.finish))
	stopReloading() // before the history takes no more rooms
	ending()
	defer service.extend("ending, and writing what is left")()
	secure.close()
	err = errors.Join(served, link.failed(ctx), keeper.wait())
	display.wait()
	return err
}

// invite writes where the server listens, and how to join by a port of its own.
func (o *serveOptions) invite(out io.Writer, bound []netip.Addr, secure *tlsPort) {
	if len(bound) > 0 {
		invite(out, o.port, bound, o.maxClients, o.rooms, o.personalOnly)
	}
	switch {
	case len(secure.bound) == 0:
	case len(bound) > 0:
		fmt.Fprint(out, secure.invitation(*o).beside())
	default:
		fmt.Fprint(out, secure.invitation(*o))
	}
}

func (o *serveOptions) loopsHere() int { return o.loopsFor(runtime.GOMAXPROCS(0)) }

// checkDescriptors returns an error if the limit on descriptors is too low for the
// server. It is called before a file is opened: Go needs about 8 for its poller,
// and crashes without them.
func (o *serveOptions) checkDescriptors() error {
	const each, others = 3, 24 // a loop; all else, a few clients included
	least := uint64(each*o.loopsHere() + others)
	var open unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &open) == nil && open.Cur < least {
		return fmt.Errorf("only %d descriptors may be open at a time, and the server needs %d; ulimit -n sets it", open.Cur, least)
	}
	return nil
}
