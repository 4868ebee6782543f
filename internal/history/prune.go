package history

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Prune removes the messages of a room, or of all if its name is empty, from before a
// time, gives their space back to the system, and returns how many it has removed. It calls progress, which may be
// nil, with how many are removed and how many there were to remove. A server may
// write to the file meanwhile. When ctx is done, Prune stops; what it has removed
// by then stays removed.
func Prune(ctx context.Context, path, room string, before time.Time, progress func(done, all int64)) (done int64, err error) {
	return pruneFile(ctx, path, func(f *file) (int64, error) { return f.prune(ctx, room, before, progress) })
}

// pruneFile opens a history, calls remove with it, which returns how many messages it has
// removed, and gives their space back to the system.
func pruneFile(ctx context.Context, path string, remove func(*file) (int64, error)) (done int64, err error) {
	at, err := locate(path)
	if err != nil {
		return 0, err
	}
	if err := checkNames(at.name); err != nil {
		return 0, explain(path, err)
	}
	f, err := openToWrite(ctx, at.name)
	if err != nil {
		return 0, explain(path, err)
	}
	defer func() {
		f.seal(at.seen.about) // fails if a server has the file open, which seals it later
		f.close()
	}()
	if _, err := f.exec("PRAGMA busy_timeout = 5000"); err != nil {
		return 0, explain(path, err)
	}
	if f.form, err = check(ctx, f.conn, len(migrations), false); err != nil {
		return 0, explain(path, err)
	}
	if done, err = remove(f); err != nil {
		if ctx.Err() == nil {
			err = explain(path, err)
		}
		return done, err
	}
	if done > 0 {
		err = f.shrink(ctx)
	}
	return done, explain(path, err)
}

// prune is Prune for a file that is open.
func (f *file) prune(ctx context.Context, room string, before time.Time, progress func(done, all int64)) (done int64, err error) {
	if err := f.checkRoom(ctx, room); err != nil {
		return 0, err
	}
	selected, err := f.narrowed(ctx, Filter{Room: room})
	if err != nil {
		return 0, err
	}
	old := olderThan(selected.Room, before)
	var all int64
	if err := f.conn.QueryRowContext(ctx, "SELECT count(*) FROM message WHERE "+old.which, old.args...).Scan(&all); err != nil {
		return 0, err
	}
	for done < all {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		began := time.Now()
		n, err := f.remove(old)
		if err != nil {
			return done, err
		}
		if done += n; n == 0 {
			break
		}
		if progress != nil {
			progress(done, all)
		}
		if done < all {
			yield(ctx, time.Since(began))
		}
	}
	return done, nil
}

// checkNames returns an error if the newest messages may lie beside another name
// of the file.
func checkNames(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if names(f) > 1 {
		return errLinked
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(real + "-wal"); errors.Is(err, fs.ErrNotExist) && isWAL(f) && isUsedInWAL(f) {
		return errForm("is in use by another name (it is mounted elsewhere, or its folder is): give that")
	}
	return nil
}

// yield waits for as long as a server was kept from writing to the file, so that
// it can catch up.
func yield(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// shrink gives back the space that removed messages took.
func (f *file) shrink(ctx context.Context) error {
	// The index of words only marks removed words. Merging its segments frees
	// their space; that is done a little at a time, until nothing changes.
	const mergePages, leastChanges = 500, 2
	for ctx.Err() == nil {
		began := time.Now()
		var before, after int64
		err := f.conn.QueryRowContext(ctx, "SELECT total_changes()").Scan(&before)
		if err == nil {
			_, err = f.exec("INSERT INTO search (search, rank) VALUES ('merge', ?)", -mergePages)
		}
		if err == nil {
			err = f.conn.QueryRowContext(ctx, "SELECT total_changes()").Scan(&after)
		}
		if err != nil {
			return err
		}
		if after-before < leastChanges {
			break
		}
		yield(ctx, time.Since(began))
	}
	for ctx.Err() == nil {
		var free int64
		if err := f.conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
			return err
		}
		if free == 0 {
			break
		}
		began := time.Now()
		if err := f.vacuum(ctx); err != nil {
			return err
		}
		yield(ctx, time.Since(began))
	}
	_, err := f.exec("PRAGMA wal_checkpoint(truncate)") // partial if others read the file
	return err
}

// vacuum gives some free pages back.
func (f *file) vacuum(ctx context.Context) error {
	// Each row that is read frees one page.
	rows, err := f.conn.QueryContext(ctx, "PRAGMA incremental_vacuum(1000)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
