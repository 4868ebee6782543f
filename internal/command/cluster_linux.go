package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sop-chat/internal/cluster"
	"sop-chat/internal/english"
	"sop-chat/internal/metrics"
	"sop-chat/internal/rooms"
	"sop-chat/internal/server"
)

const (
	// roomWait is how long the stream may take for what a room needs to know of it, before the
	// room is not opened.
	roomWait = 20 * time.Second
	// catchUpLook is how often it is looked whether the rooms have all that was said before.
	catchUpLook = 20 * time.Millisecond
	// finishWait is how long the end of the server waits for what was said and has yet to come
	// back from the stream.
	finishWait = 5 * time.Second
	// releaseWait is how long it waits for its name to be given up; another server of that name
	// waits for some seconds otherwise.
	releaseWait = time.Second
	// watchInterval is how often it is looked whether the stream does its part.
	watchInterval = 2 * time.Second
)

// A clusterLink has the rooms of the server be those of a cluster, or does nothing without
// --cluster. Its methods may be called by any goroutine, but those that start and end it by
// one.
type clusterLink struct {
	options clusterOptions
	stream  *cluster.NATS // nil: there is no cluster
	peers   *clusterPeers // nil: there is no cluster
	server  *server.Server
	logger  *slog.Logger
	fail    context.CancelCauseFunc // ends the server

	ending context.Context // done when the server is to end

	mu      sync.Mutex
	link    *cluster.Link // the present one
	stop    context.CancelFunc
	ended   chan struct{} // closed when the link does not run any more
	broken  bool          // it ended by itself
	closed  bool          // it runs no more
	replace func() error  // has the rooms be opened anew, with another link

	// While the rooms are opened anew: the number that each one's next message had, or nil. The
	// holder of the reloader's lock has it.
	had map[string]uint64

	helpers sync.WaitGroup // all goroutines
	done    context.CancelFunc
}

// openCluster finds the stream of the cluster, for which it waits until ctx is done, and makes
// the server's name its own. former is what the link of the program before has left, and bans
// what that had yet to tell NATS.
func openCluster(ctx context.Context, o serveOptions, s *server.Server, former *cluster.State, bans []cluster.Ban, logger *slog.Logger) (*clusterLink, error) {
	l := &clusterLink{options: o.cluster, server: s, ending: ctx, logger: logger}
	if !o.cluster.isOn() {
		return l, nil
	}
	c := o.cluster
	var err error
	l.stream, err = cluster.OpenNATS(ctx, cluster.NATSConfig{
		URLs: c.urls, Settings: c.settings(), Label: "sop-chat " + c.server,
		Credentials: c.creds, NKey: c.nkey, CA: c.ca, Cert: c.cert, Key: c.key, Event: l.connection,
	}, func(missing error) {
		logger.Warn("the server waits for the stream of its cluster", "missing", c.explain(missing))
	})
	if err != nil {
		return nil, fmt.Errorf("--cluster: %w", c.explain(err))
	}
	for _, d := range l.stream.Warnings() {
		logger.Warn(d.String())
	}
	if err := l.renew(ctx, former); err != nil {
		l.close()
		return nil, fmt.Errorf("--cluster: %w", err)
	}
	l.peers = newClusterPeers(c.server, l.stream, s, bans, logger)
	return l, nil
}

// explain adds to an error of the stream which flag may be wrong.
func (c *clusterOptions) explain(err error) error {
	if errors.Is(err, cluster.ErrReplicas) {
		return fmt.Errorf("%w; --cluster-replicas is %d, and 1 suits a single server of NATS", err, c.replicas)
	}
	return err
}

func (l *clusterLink) isOn() bool { return l.stream != nil }

// connection logs that NATS is away, or there again.
func (l *clusterLink) connection(e cluster.ConnEvent) {
	switch {
	case e.Connected && e.Err == nil:
		l.logger.Info("the server is connected to NATS", "at", e.Server)
	case e.Connected:
		l.logger.Warn("NATS refuses something, or the connection to it fails", "at", e.Server, "error", e.Err)
	default:
		l.logger.Warn("NATS can't be reached; what is said waits until it can", "error", e.Err)
	}
}

// renew makes another link, which goes on with what a former one has left, if that is not nil.
func (l *clusterLink) renew(ctx context.Context, former *cluster.State) error {
	if l.link != nil { // it has the name
		if err := l.link.Release(ctx); err != nil {
			l.logger.Debug("the name of the server was not released", "error", err)
		}
	}
	link := cluster.New(cluster.Config{
		Stream: l.stream, Prefix: l.options.name, Server: l.options.server, State: former,
		Report: func(err error) { l.logger.Error("the stream of the cluster is not as it should be", "error", err) },
	})
	if err := l.insist(ctx, func(ctx context.Context) error { return link.Open(ctx) }); err != nil {
		return err
	}
	l.mu.Lock()
	l.link = link
	l.mu.Unlock()
	return nil
}

// remember keeps how far the rooms of the present link have come, which has ended by itself, for those
// that are opened anew.
func (l *clusterLink) remember() {
	l.had = make(map[string]uint64)
	for _, r := range l.link.State().Rooms {
		l.had[string(r.Name)] = r.Number
	}
}

// insist tries something that needs the stream again until it succeeds, fails for good or ctx
// is done.
func (l *clusterLink) insist(ctx context.Context, try func(context.Context) error) error {
	for shown := ""; ; {
		err := try(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, cluster.ErrNameTaken) || errors.Is(err, cluster.ErrStreamReplaced) {
			return err
		}
		if err.Error() != shown {
			shown = err.Error()
			l.logger.Warn("the stream of the cluster does not answer", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}

// prepare asks the stream about rooms that are about to be added, all at once.
func (l *clusterLink) prepare(all []rooms.Room, kept []keptRoom, o *serveOptions) {
	if !l.isOn() {
		return
	}
	configs := make([]cluster.RoomConfig, len(all))
	for i, c := range all {
		configs[i] = l.config(c.Name, kept[i], o.kept(c.Replay))
	}
	l.current().Prepare(l.ending, configs)
}

// config returns what the link needs to know of a room, but for the room itself.
func (l *clusterLink) config(name string, kept keptRoom, replay int) cluster.RoomConfig {
	return cluster.RoomConfig{Name: name, Number: kept.lacks(), Replay: replay, Had: l.had[name], Has: kept.has}
}

// add has a room be one of the cluster's. A new one gets what the history has of it, and then
// what the stream has and the history has not, at least the last replay messages. follow has
// the readers follow its log between the two.
func (l *clusterLink) add(room *server.Room, kept keptRoom, replay int, follow func() error) error {
	ctx := l.ending
	if l.had == nil { // or else clients wait for it
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, roomWait)
		defer cancel()
	}
	relayed := &relayedRoom{Room: room, kept: kept, follow: follow}
	config := l.config(room.Name(), kept, replay)
	config.Room = relayed
	err := l.insist(ctx, func(ctx context.Context) error { return l.current().Add(ctx, config) })
	if err = errors.Join(err, relayed.err); err != nil {
		l.current().Remove(room.Name())
		return fmt.Errorf("the cluster: %w", err)
	}
	return nil
}

func (l *clusterLink) current() *cluster.Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link
}

// remove has a room be none of the cluster's any more.
func (l *clusterLink) remove(name string) {
	if l.isOn() {
		l.current().Remove(name)
	}
}

// A relayedRoom is a room as the link knows it.
type relayedRoom struct {
	*server.Room
	kept   keptRoom
	follow func() error
	err    error
}

var _ cluster.Room = (*relayedRoom)(nil)

// BeginAt implements cluster.Room.
func (r *relayedRoom) BeginAt(number, epoch uint64) {
	last, err := r.kept.until(number)
	r.Room.BeginAt(number-uint64(len(last)), epoch)
	restore(r.Log(), last)
	r.err = errors.Join(err, r.follow())
}

// recaller returns what recalls clients from the other servers; nil if there are none.
func (l *clusterLink) recaller() server.Recaller {
	if !l.isOn() {
		return nil
	}
	return l
}

// ID implements server.Recaller.
func (l *clusterLink) ID() uint64 { return cluster.ServerID(l.options.server) }

// Recall implements server.Recaller.
func (l *clusterLink) Recall(room string, client, from uint64, done func()) {
	l.current().Recall(room, client, from, done)
}

// start has the link run. The operator does what those of other servers ask for, fail ends
// the server, and replace opens the rooms anew.
func (l *clusterLink) start(a *operator, fail context.CancelCauseFunc, replace func() error) {
	if !l.isOn() {
		return
	}
	l.fail, l.replace = fail, replace
	ctx, cancel := context.WithCancel(context.Background())
	l.done = cancel
	l.helpers.Go(func() {
		for {
			select {
			case <-l.server.Freed():
				l.current().Freed()
			case <-ctx.Done():
				return
			}
		}
	})
	l.helpers.Go(func() { l.watch(ctx) })
	l.peers.start(a)
	l.run()
}

// watch logs when the stream does not do its part although NATS can be reached, and when it
// does again. The console says so in either case.
func (l *clusterLink) watch(ctx context.Context) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var fails, isSaid bool
	var console outage
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		err := l.err()
		l.server.SetCurrent(err == nil && l.current().Stats().IsCaughtUp)
		console.look(err, l.server.AnnounceWaiting)
		switch failed := fails; {
		case err == nil:
			if fails = false; isSaid {
				isSaid = false
				l.logger.Info("the cluster's stream takes messages again")
			}
		case !l.stream.State().Connected: // which is logged
		default:
			if fails = true; failed && !isSaid { // the second time in a row
				isSaid = true
				l.logger.Warn("what is said waits until the cluster's stream takes it", "error", err)
			}
		}
	}
}

// run has the present link run.
func (l *clusterLink) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	link, ended := l.link, make(chan struct{})
	l.stop, l.ended, l.broken = cancel, ended, false
	l.helpers.Go(func() {
		err := link.Run(ctx)
		isBroken := ctx.Err() == nil
		l.mu.Lock()
		l.broken = isBroken
		l.mu.Unlock()
		close(ended)
		if isBroken {
			l.broke(err)
		}
	})
}

// broke deals with a link that can't go on.
func (l *clusterLink) broke(err error) {
	if errors.Is(err, cluster.ErrFenced) {
		l.fail(linkError{err})
		return
	}
	l.logger.Error("the server begins anew with what the cluster's stream has; its clients are disconnected, and come back", "reason", err)
	if err := l.replace(); err != nil {
		l.fail(linkError{err})
	}
}

// A linkError is why a server that belongs to a cluster can't go on.
type linkError struct{ error }

// failed returns why the server ended, if it ended because of its cluster.
func (l *clusterLink) failed(ctx context.Context) error {
	if err, is := errors.AsType[linkError](context.Cause(ctx)); is {
		return fmt.Errorf("the cluster: %w", err.error)
	}
	return nil
}

// catchUp waits until the rooms have what was said before the server started, and the bans of
// the cluster are in force.
func (l *clusterLink) catchUp(ctx context.Context) {
	if !l.isOn() {
		return
	}
	l.peers.waitKnown(ctx)
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	ticker := time.NewTicker(catchUpLook)
	defer ticker.Stop()
	for {
		if l.current().Stats().IsCaughtUp {
			return
		}
		select {
		case <-ticker.C:
		case <-ended:
			return // why is said elsewhere
		case <-ctx.Done():
			return
		}
	}
}

// finish waits until what was said at this server has come back, before it ends.
func (l *clusterLink) finish() {
	if !l.isOn() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), finishWait)
	defer cancel()
	if n := l.server.FinishRelays(ctx); n > 0 {
		l.logger.Error("the cluster's stream did not take "+english.Count(n, "message")+" before the server ended", "unreturned", n)
	}
}

// errBroken says that the link can't be paused.
var errBroken = errors.New("the server is about to begin anew with what its cluster's stream has; try again after that")

// pause has the link do nothing until resume is called, and returns what another program needs
// to go on.
func (l *clusterLink) pause() (*cluster.State, error) {
	if !l.isOn() {
		return nil, nil
	}
	l.mu.Lock()
	stop, ended, link := l.stop, l.ended, l.link
	l.mu.Unlock()
	stop()
	<-ended
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return nil, errBroken
	}
	return link.State(), nil
}

// bansToTell returns what NATS has yet to be told of bans.
func (l *clusterLink) bansToTell() []cluster.Ban {
	if !l.isOn() {
		return nil
	}
	return l.peers.leftToTell()
}

// resume ends a pause.
func (l *clusterLink) resume() {
	if l.isOn() {
		l.run()
	}
}

// err returns why nothing can be said at present, or nil.
func (l *clusterLink) err() error {
	if !l.isOn() {
		return nil
	}
	l.mu.Lock()
	s, broken := l.link.Stats(), l.broken
	l.mu.Unlock()
	switch state := l.stream.State(); {
	case broken:
		return errBroken
	case !state.Connected:
		return fmt.Errorf("NATS can't be reached since %s", state.Since.Format(time.TimeOnly))
	case s.Unpublished != nil:
		return fmt.Errorf("the cluster's stream takes nothing: %w", s.Unpublished)
	case s.Unread != nil:
		return fmt.Errorf("the cluster's stream can't be read: %w", s.Unread)
	}
	return nil
}

// close ends the link when the server has ended.
func (l *clusterLink) close() {
	if !l.isOn() {
		return
	}
	if l.done != nil {
		l.done()
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.pause()
		l.helpers.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), releaseWait)
		defer cancel()
		if err := l.current().Release(ctx); err != nil {
			l.logger.Debug("the name of the server was not released", "error", err)
		}
	}
	if l.peers != nil {
		l.peers.close()
	}
	l.stream.Close()
}

var _ metrics.Cluster = (*clusterLink)(nil)

// Stats implements metrics.Cluster.
func (l *clusterLink) Stats() metrics.ClusterStats {
	s := l.current().Stats()
	stats := metrics.ClusterStats{Connected: l.stream.State().Connected, Delivered: s.Messages, Failures: s.Failures}
	if err := l.err(); err != nil {
		stats.Failure = err.Error()
	}
	for _, r := range l.server.Rooms() {
		stats.Unreturned += r.Unreturned()
	}
	return stats
}
