package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sop-chat/internal/english"
)

// An open file stays the same one when its path is given to another, or to none:
// it can be moved or removed while the server writes to it. It can also be
// written over, or lose what SQLite keeps beside it. Nobody would find what is
// written from then on; so the archive looks every second whether all is as it
// was.
//
//	the path names                 the archive
//	another file, or none          puts all there is into the file that is open, and goes on in a new one at the path
//	... and that file has no name  copies what is in it, too
//	... but there can be none      goes on in the file that is open, and says so
//	the file, with other content   goes on in that, with what the -wal had
//	the file, without its -wal     opens it again
//
// At the end it is an error if what was kept can't be found by any name.

const (
	lookEvery = time.Second
	// settleEvery is how long something may be in the -wal only, if there is no
	// pause in what is said: a copy of the file alone lacks as much.
	settleEvery = 10 * time.Second
)

// inspect looks whether the path still names the file that is open, and sees to
// it that it does.
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
		return a.goAfterPath()
	case s.isOverwritten(a.settled == a.last && !a.fails):
		return a.goOnOverwritten()
	}
	a.adrift = false
	for i, suffix := range suffixes {
		if about, err := os.Lstat(s.real + suffix); s.beside[i] != nil && (err != nil || !os.SameFile(about, s.beside[i])) {
			return a.rejoin(suffix)
		}
	}
	if names(s.lock) > 1 {
		a.complain("the history's file has another name (a hard link), and a program that opens it by that destroys it", "")
	} else {
		a.complaint = ""
	}
	return nil
}

// complain tells the logger, once, what is wrong with the file.
func (a *Archive) complain(what, why string, args ...any) {
	if a.complaint == what+why {
		return
	}
	a.complaint = what + why
	if args = append([]any{"file", a.path}, args...); why != "" {
		args = append(args, "reason", why)
	}
	a.config.Logger.Error(what, args...)
}

// goAfterPath goes on in the file that the path names now, and creates it if there
// is none.
func (a *Archive) goAfterPath() error {
	s, removed := a.store, names(a.store.lock) == 0
	what := "the history's file was moved while it is open; what was said is kept in it"
	if removed {
		what = "the history's file was removed while it is open"
	}
	a.adrift = true
	if err := a.settle(); a.unsettled {
		a.complain(what, fmt.Sprint("others read it: ", err), "now", whereabouts(s.lock))
		return nil
	}
	next := &store{path: s.path}
	var err error
	if next.lock, err = lock(s.path); err != nil {
		a.complain(what, reason(err).Error(), "now", whereabouts(s.lock))
		return nil
	}
	s.removeBeside()
	last, err := next.begin()
	carried := 0
	if err == nil && removed {
		carried, err = next.carry(s, last)
	}
	if err != nil {
		a.complain(what, reason(errors.Join(err, next.close())).Error(), "now", whereabouts(s.lock))
		return nil
	}
	a.config.Logger.Error(what+", and goes on in a new one at its path", "file", a.path, "now", whereabouts(s.lock), "copied", carried)
	a.store, a.last, a.adrift, a.complaint = next, max(a.last, last), false, ""
	a.settle()
	for i := range a.replayed {
		if !removed {
			a.replayed[i].sequence = 0 // it is in the other file
		}
	}
	return s.close()
}

// rejoin opens the file again, because something beside it is no longer its own.
func (a *Archive) rejoin(suffix string) error {
	a.complain("a part of the history was removed while it is open; it is written again", "", "removed", a.store.real+suffix)
	if err := a.settle(); a.unsettled {
		return err
	}
	return errors.Join(a.store.closeFile(), a.reopen())
}

// reopen opens the file again, which a store has locked, and adds what was rescued.
func (a *Archive) reopen() error {
	last, err := a.store.open()
	if err != nil {
		return err
	}
	if i := len(a.rescued) - int(min(max(a.last-last, 0), int64(len(a.rescued)))); i < len(a.rescued) {
		err = a.store.add(a.rescued[i:])
	}
	if err == nil {
		a.rescued, a.last = nil, max(a.last, last)
		a.settle()
	}
	return err
}

// settle copies what was written last into the file itself, unless others are
// reading it. Then it remains unsettled.
func (a *Archive) settle() error {
	all, err := a.store.settle()
	if a.unsettled = !all; all {
		a.settled = a.last
	}
	return err
}

// goOnOverwritten goes on in a file whose content is another's now. What SQLite
// still has of what was there before must not get into it; the messages among it
// are added.
func (a *Archive) goOnOverwritten() error {
	s := a.store
	rescued, err := s.after(a.settled)
	for err == nil && len(rescued) > 0 && rescued[len(rescued)-1].Sequence < a.last {
		var more []Message
		if more, err = s.after(rescued[len(rescued)-1].Sequence); len(more) == 0 {
			break
		}
		rescued = append(rescued, more...)
	}
	a.rescued = rescued
	lost := a.last - a.settled - int64(len(rescued))
	what := "the history's file was written over while it is open; what was in it before is lost, but for copies"
	a.config.Logger.Error(what, "file", a.path, "rescued", len(rescued), "lost", lost)
	a.harm = fmt.Errorf("the history %q was written over while it was open; what was in it before is lost, but for copies", a.path)
	if about, err := os.Lstat(s.real + suffixes[0]); err == nil && s.beside[0] != nil && os.SameFile(about, s.beside[0]) {
		err = os.Truncate(s.real+suffixes[0], 0) // or it would be applied to what is there now
		if err != nil {
			return err
		}
	}
	s.removeBeside()
	s.closeFile() // fails, because the -wal is not there any more
	return a.reopen()
}

// lost returns an error if what was written is in a file that nobody will find.
func (a *Archive) lost() error {
	if !a.adrift || names(a.store.lock) > 0 {
		return nil
	}
	var n int64
	err := a.store.file.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM message").Scan(&n)
	return errors.Join(err, fmt.Errorf("the history %q was removed while it was open, and with it %s",
		a.path, english.Count(n, "message")))
}
