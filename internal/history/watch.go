package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"sop-chat/internal/english"
)

// A file can be moved or removed while the server writes to it, and stays open
// then. It can also be overwritten, or lose its companion files. Nobody would find
// the messages that are written after that. So the archive inspects the file
// every second.
//
//	the path names                 the archive
//	another file, or none          copies the -wal into the open file, and goes on in a new file at the path
//	... and the open file has none copies its messages into the new one, too
//	... but no new one is possible goes on in the open file, and reports that
//	the file, with other content   goes on in it, and adds the messages of the -wal
//	the file, without its -wal     reopens it
//
// It does not go on in a file that has greater numbers than a room: clients know a
// message by its number.
//
// At the end it is an error if the messages are in a file that has no name.

const (
	inspectInterval = time.Second
	// checkpointInterval is how long messages may be in the -wal only, if there is
	// no pause between them. A copy of the file alone lacks as many.
	checkpointInterval = 10 * time.Second
)

// inspect checks that the path names the open file and that the file is intact,
// and restores that otherwise.
func (a *Archive) inspect() error {
	s := a.store
	if s.file == nil {
		return a.reopen()
	}
	named, err := os.Stat(s.path)
	open, openErr := s.lock.Stat()
	switch {
	case openErr != nil:
		return openErr
	case err != nil || !os.SameFile(named, open):
		return a.followPath()
	case s.isOverwritten(a.checkpointed == a.sequence && !a.failing):
		return a.recoverOverwritten()
	}
	a.detached = false
	for i, suffix := range suffixes {
		if about, err := os.Lstat(s.realPath + suffix); s.companions[i] != nil && (err != nil || !os.SameFile(about, s.companions[i])) {
			return a.restoreCompanion(suffix)
		}
	}
	if names(s.lock) > 1 {
		a.report("the history's file has another name (a hard link), and a program that opens it by that destroys it", "")
	} else {
		a.reported = ""
	}
	return nil
}

// report tells the logger, once, what is wrong with the file.
func (a *Archive) report(what, why string, args ...any) {
	if a.reported == what+why {
		return
	}
	a.reported = what + why
	if args = append([]any{"file", a.path}, args...); why != "" {
		args = append(args, "reason", why)
	}
	a.config.Logger.Error(what, args...)
}

// followPath goes on in the file that the path names now, and creates it if there
// is none.
func (a *Archive) followPath() error {
	s, removed := a.store, names(a.store.lock) == 0
	what := "the history's file was moved while it is open; it has the messages until now"
	if removed {
		what = "the history's file was removed while it is open"
	}
	a.detached = true
	if err := a.checkpoint(); a.walPending {
		a.report(what, fmt.Sprint("others read it: ", err), "now", currentName(s.lock))
		return nil
	}
	next := &store{path: s.path}
	var err error
	if next.lock, err = lock(s.path); err != nil {
		a.report(what, reason(err).Error(), "now", currentName(s.lock))
		return nil
	}
	s.removeCompanions()
	copied := 0
	err = a.goOn(next, next.begin, func(last int64, numbers map[string]int64) (err error) {
		if removed {
			copied, err = next.copyFrom(s, last, numbers)
		}
		return err
	})
	if err != nil {
		a.report(what, reason(errors.Join(err, next.close())).Error(), "now", currentName(s.lock))
		return nil
	}
	a.config.Logger.Error(what+", and goes on in a new one at its path", "file", a.path, "now", currentName(s.lock), "copied", copied)
	a.store, a.detached, a.reported = next, false, ""
	a.checkpoint()
	if !removed {
		a.retainOutside()
	}
	return s.close()
}

// restoreCompanion reopens the file, because a companion file is missing or
// another's.
func (a *Archive) restoreCompanion(suffix string) error {
	a.report("a part of the history was removed while it is open; it is written again", "", "removed", a.store.realPath+suffix)
	if err := a.checkpoint(); a.walPending {
		return err
	}
	return errors.Join(a.store.closeFile(), a.reopen())
}

// reopen opens the database of the locked file again, and adds the messages that
// were rescued. If the path names another file now, it opens that.
func (a *Archive) reopen() error {
	s, begin := a.store, a.store.open
	if !s.isAtPath() {
		s = &store{path: a.path}
		var err error
		if s.lock, err = lock(a.path); err != nil {
			return err
		}
		begin = s.begin
	}
	err := a.goOn(s, begin, func(last int64, numbers map[string]int64) error {
		_, err := s.add(later(slices.Clone(a.rescued), numbers), last)
		return err
	})
	if err != nil {
		if s != a.store {
			return errors.Join(err, s.close())
		}
		return errors.Join(err, s.closeFile())
	}
	if s != a.store {
		a.store.close()
	}
	a.store, a.rescued = s, nil
	a.checkpoint()
	return nil
}

// goOn opens a store to go on in it: begin opens it, and add adds messages to it that
// come after its last sequence, and the last numbers of its rooms.
func (a *Archive) goOn(s *store, begin func(most map[string]int64) (int64, error), add func(last int64, numbers map[string]int64) error) error {
	last, err := begin(a.numbers())
	if err != nil {
		return err
	}
	ctx := context.Background()
	numbers, err := s.file.lastNumbers(ctx)
	if err == nil {
		err = s.prepareRooms(ctx, a.names()...)
	}
	if err == nil {
		err = a.adopt(s, last, numbers)
	}
	if err == nil {
		err = add(last, numbers)
	}
	if err == nil {
		err = a.skipTo(s)
	}
	if err == nil {
		err = s.prepareRooms(ctx, a.names()...) // which the sequences may be ahead of now
	}
	if err == nil {
		err = a.readEpochsOf(s, numbers)
	}
	if err == nil {
		last, err = s.file.last(ctx)
	}
	if err == nil {
		a.sequence = max(a.sequence, last)
	}
	return err
}

// names returns the names of the rooms, but only two if there are more.
func (a *Archive) names() (names []string) {
	for name := range a.rooms {
		if names = append(names, name); len(names) == 2 {
			break
		}
	}
	return names
}

// numbers returns the number of the last message in each room.
func (a *Archive) numbers() map[string]int64 {
	all := make(map[string]int64, len(a.rooms))
	for name, r := range a.rooms {
		all[name] = r.last
	}
	return all
}

// retainOutside records that what the logs retain is not in the file.
func (a *Archive) retainOutside() {
	for _, r := range *a.followed.Load() {
		for i := range r.retained {
			r.retained[i].number = 0
		}
	}
}

// isAtPath reports whether the path names the file that is locked.
func (s *store) isAtPath() bool {
	named, err := os.Stat(s.path)
	locked, lockedErr := s.lock.Stat()
	return err == nil && lockedErr == nil && os.SameFile(named, locked)
}

// checkpoint copies the -wal into the file, unless others are reading it. Then
// walPending remains set.
func (a *Archive) checkpoint() error {
	all, err := a.store.checkpoint()
	if a.walPending = !all; all {
		a.checkpointed = a.sequence
	}
	return err
}

// recoverOverwritten goes on in a file whose content is another's now. The -wal
// belongs to the former content and must not be applied to it. The messages in the
// -wal are added to the file.
func (a *Archive) recoverOverwritten() error {
	s := a.store
	rescued, err := s.after(a.checkpointed)
	for err == nil && len(rescued) > 0 && rescued[len(rescued)-1].Sequence < a.sequence {
		var more []Message
		if more, err = s.after(rescued[len(rescued)-1].Sequence); len(more) == 0 {
			break
		}
		rescued = append(rescued, more...)
	}
	a.rescued = rescued
	lost := a.sequence - a.checkpointed - int64(len(rescued))
	what := "the history's file was overwritten while it is open; its former content is lost, unless there is a copy"
	a.config.Logger.Error(what, "file", a.path, "rescued", len(rescued), "lost", lost)
	a.overwritten = fmt.Errorf("the history %q was overwritten while it was open; its former content is lost, unless there is a copy", a.path)
	if about, err := os.Lstat(s.realPath + suffixes[0]); err == nil && s.companions[0] != nil && os.SameFile(about, s.companions[0]) {
		err = os.Truncate(s.realPath+suffixes[0], 0) // or it would be applied to the new content
		if err != nil {
			return err
		}
	}
	s.removeCompanions()
	s.closeFile() // fails, because the -wal is not there any more
	return a.reopen()
}

// errRemoved returns an error if the messages are in a file that has no name, and
// nil otherwise.
func (a *Archive) errRemoved() error {
	if !a.detached || names(a.store.lock) > 0 {
		return nil
	}
	var n int64
	err := a.store.file.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM message").Scan(&n)
	return errors.Join(err, fmt.Errorf("the history %q was removed while it was open, and with it %s",
		a.path, english.Count(n, "message")))
}
