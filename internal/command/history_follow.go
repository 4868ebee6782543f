package command

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"sop-chat/internal/history"
)

const (
	// followInterval is how often --follow looks for new messages.
	followInterval = 200 * time.Millisecond
	// maxUnreadable is how long --follow waits for a file that can't be read because
	// a server begins or ends. That takes seconds on a busy machine.
	maxUnreadable = 10 * time.Second
)

// A historyFollower shows messages as they are written.
type historyFollower struct {
	reader     *history.Reader
	lines      *historyLines
	next       history.Filter // selects the messages that were not shown yet
	unreadable time.Time      // since when the file can't be read; zero if it can
}

// follow shows messages until ctx is done or the reader of the output is gone.
func (f *historyFollower) follow(ctx context.Context, hangup <-chan struct{}) error {
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	err := f.show(ctx)
	if ctx.Err() != nil {
		return err
	}
	for {
		if err == nil {
			err = f.reader.Rest()
		}
		if err := f.check(err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			return nil
		case <-ticker.C:
		}
		err = f.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// look shows the messages that have come.
func (f *historyFollower) look(ctx context.Context) error {
	replaced, err := f.reader.Refresh(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // until the server goes on in a new file
	}
	if err != nil {
		return err
	}
	if replaced {
		f.next, f.lines.last = history.Filter{Room: f.next.Room, From: f.next.From}, 0
		clear(f.lines.numbers)
	}
	return f.show(ctx)
}

// show shows the messages that were not shown yet. If it fails, those that it has
// shown are not shown again.
func (f *historyFollower) show(ctx context.Context) error {
	last, err := f.reader.Last(ctx, f.next.Room)
	if err == nil {
		err = showAll(ctx, f.reader, f.next, f.lines)
	}
	shown := f.lines.last
	if f.next.Room != "" {
		shown = f.lines.numbers[f.next.Room]
	}
	if err != nil {
		last = shown
	}
	if last = max(last, shown); last > f.next.After {
		f.next = history.Filter{Room: f.next.Room, From: f.next.From, After: last}
	}
	return err
}

// check returns an error unless it is transient and has not lasted too long.
func (f *historyFollower) check(err error) error {
	if err == nil {
		f.unreadable = time.Time{}
		return nil
	}
	if f.unreadable.IsZero() {
		f.unreadable = time.Now()
	}
	if history.IsTransient(err) && time.Since(f.unreadable) < maxUnreadable {
		return nil
	}
	return err
}
