package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A server of NATS that is cut off from the others goes on serving its clients, and answers their pings. So a
// connection to it is not lost, but nothing that is asked of the stream is answered, for as long as
// it is cut off; and one that led the stream still says what it has, but takes nothing more. So
// what matters is whether calls are answered, those that publish and the others each by themselves.
const (
	// answerWait is for how long calls may get no answer before another server of NATS is tried: longer
	// than infoWait, so that it is not for one request that was lost.
	answerWait = 3 * time.Second
	// minStay and maxStay are for how long a server is stayed at, at least, when the one before it gave
	// no answers. It takes 4 to 9 s to elect another leader, in which no server gives any. So
	// minStay is doubled after each round through all servers, until there is an answer.
	minStay = 3 * time.Second
	maxStay = 30 * time.Second
	// silenceKept is after how long a call without an answer tells nothing about later ones.
	silenceKept = 10 * time.Second
)

// errUnanswered is why a connection is given up on which calls get no answers.
var errUnanswered = errors.New("the server of NATS answers pings, and nothing else")

// A kind of a call is whether only the leader of the stream can answer it.
type kind uint8

const (
	asking kind = iota
	publishing
	kinds
)

// silences is what is known of calls without an answer, on one connection.
type silences struct {
	of    [kinds]silence
	moved time.Time // when another server was tried
	moves int       // since there was an answer
}

// A silence is a time without answers.
type silence struct {
	since  time.Time // when the first call began that had no answer; zero: the last one had
	until  time.Time // when that was last known of a call
	answer time.Time // when there was one
}

// A waiting is a call that waits for its answer.
type waiting struct {
	n     *NATS
	ctx   context.Context // of within
	kind  kind
	life  context.Context
	began time.Time
	timer *time.Timer
}

// wait says that a call begins under a context of within.
func (n *NATS) wait(ctx context.Context, kind kind) *waiting {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := &waiting{n: n, ctx: ctx, kind: kind, life: n.life, began: time.Now()}
	w.timer = time.AfterFunc(answerWait, w.silent)
	return w
}

// done says what came of the call, and returns the error as failure does.
func (w *waiting) done(err error) error {
	w.timer.Stop()
	failed := w.n.failure(w.ctx, w.began, err)
	switch {
	case err == nil:
		w.answered()
		return nil
	case errors.Is(failed, ErrNotPermitted), errors.Is(failed, context.Canceled), errors.Is(failed, ErrAway):
		// says nothing of the server
	case errors.Is(failed, context.DeadlineExceeded):
		if time.Since(w.began) >= answerWait/2 { // or else it was given no time
			w.silent()
		}
	case isSilent(err):
		w.silent()
	case w.kind == asking: // also that there is no such message
		w.answered()
	}
	return failed
}

// isSilent reports whether an error says that nobody answers for the stream.
func isSilent(err error) bool {
	var api jetstream.JetStreamError
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) ||
		errors.As(err, &api) && api.APIError() != nil && api.APIError().ErrorCode == codeClusterNotAvailable
}

// answered says that the call was answered.
func (w *waiting) answered() {
	n := w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.life == n.life {
		n.silences.of[w.kind] = silence{answer: time.Now()}
		n.silences.moves = 0
	}
}

// silent says that the call was not answered, or has waited for an answer for long. If others were not
// answered either, another server of NATS is tried.
func (w *waiting) silent() {
	n, now := w.n, time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	isOver := errors.Is(w.ctx.Err(), context.Canceled)
	isRefused := n.refused.err != nil && !n.refused.at.Before(w.began)
	if isOver || isRefused || w.life != n.life || !n.state.Connected {
		return
	}
	s := &n.silences.of[w.kind]
	since := w.began
	if since.Before(s.answer) {
		since = s.answer
	}
	if s.since.IsZero() || since.Before(s.since) || now.Sub(s.until) > silenceKept {
		s.since = since
	}
	s.until = now
	stay := min(minStay<<min(n.silences.moves/max(len(n.config.URLs), 1), 8), maxStay)
	if now.Sub(s.since) < answerWait || now.Sub(n.silences.moved) < stay {
		return
	}
	n.silences.moved = now
	n.silences.moves++
	n.leaving = errUnanswered
	go func() { _ = n.conn.ForceReconnect() }() // it is closed, or else this succeeds; it may wait until what was written is gone
}
