package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// A reloader has a running server read its files again, as SIGHUP demands. Any goroutine
// may call its methods.
type reloader struct {
	steps  []reloadStep // in the order in which they are done
	logger *slog.Logger
	began  func()      // nil, or called before each reload
	done   func(error) // nil, or called with what each reload returns

	mu    sync.Mutex // held while files are read
	ended bool       // guarded by mu
}

// A reloadStep reads some of the files again, puts in force what is in them, and logs what
// has changed. It returns what could not be reloaded. A nil one has no files.
type reloadStep func() []*reloadError

// errEnding says that nothing is reloaded any more, or replaced.
var errEnding = errors.New("the server is ending")

// Reload reads all files again. One that can't be used changes nothing, and keeps no other
// from being read. The error says everything that was wrong; the log has it already.
func (r *reloader) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errEnding
	}
	if r.began != nil {
		r.began()
	}
	err := r.reload()
	if r.done != nil {
		r.done(err)
	}
	return err
}

func (r *reloader) reload() error {
	var errs []error
	for _, step := range r.steps {
		if step == nil {
			continue
		}
		for _, err := range step() {
			err.log(r.logger)
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		r.logger.Info("reloaded")
	}
	return errors.Join(errs...)
}

// start reloads for each request, until ctx is done or end is called. After end, nothing is
// reloaded any more.
func (r *reloader) start(ctx context.Context, requests <-chan struct{}) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-requests:
				r.Reload() // which logs what is wrong
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended = true
	}
}

// A reloadError says what stays as it was, and why.
type reloadError struct {
	what  string // a sentence
	about []any  // more for the log, in pairs of name and value
	err   error
}

func (e *reloadError) Error() string {
	var about strings.Builder
	for pair := range slices.Chunk(e.about, 2) {
		fmt.Fprintf(&about, ", %v %v", pair[0], pair[1])
	}
	return fmt.Sprintf("%s%s: %v", e.what, about.String(), e.err)
}

func (e *reloadError) Unwrap() error { return e.err }

func (e *reloadError) log(logger *slog.Logger) {
	logger.Error(e.what, append(e.about, "error", e.err)...)
}
