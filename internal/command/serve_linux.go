package command

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"sop-chat/internal/server"
)

// peerTimeout is for how long a client may acknowledge nothing before it is
// taken for dead, about as long as its keep-alive takes when it is silent.
const peerTimeout = 2 * time.Minute

// serve runs the server until ctx is done, and then shows what it has taken.
func serve(ctx context.Context, o serveOptions, p Process, logger *slog.Logger) error {
	pending, perAddress := o.pendingLimits()
	s, err := server.New(server.Config{
		Key:                  o.key,
		MaxClients:           o.maxClients,
		MaxPending:           pending,
		MaxPendingPerAddress: perAddress,
		AuthTimeout:          o.authTimeout,
		StallTimeout:         o.stallTimeout,
		PeerTimeout:          peerTimeout,
		Backlog:              o.backlog,
		Loops:                o.loopsFor(runtime.GOMAXPROCS(0)),
		Logger:               logger,
	})
	if err != nil {
		return err
	}
	bound, err := listenAll(ctx, o.bind, o.port, s.Listen)
	if err != nil {
		return err
	}
	saveMemory(p)
	wait := show(s.Log(), o, p, logger)
	invite(p.Stderr, o.port, bound, o.maxClients)
	err = s.Serve(ctx)
	wait()
	return err
}

// saveMemory has garbage collected before much of it has piled up, unless the
// environment says when (GOGC). A server makes hardly any once its clients are
// in, so it costs next to nothing, and what the heap may grow to beyond that is
// what a client takes.
func saveMemory(p Process) {
	const percent = 10
	if _, set := p.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(percent)
	}
}
