package history

import (
	"context"
	"time"
)

// A file may be bounded by its size, and a room by its part of that. What counts is the
// space that is in use: that of removed messages is used again. The oldest messages are
// removed, some at a time, and between that those are written that were just said.
//
// How much of the file a room takes is not stored anywhere. It counts as its messages' part
// of all messages.

// roomsInterval is how often it is found out how many messages each room has, if there are
// rooms with a bound.
const roomsInterval = 10 * time.Second

// sizes are what an archive keeps for that. They belong to whoever has its file.
type sizes struct {
	rooms   map[string]int64 // RoomConfig.RetainBytes of those that have it
	at      time.Time        // when to look next
	roomsAt time.Time        // when to look at rooms next
	removed bool             // something was, and the logs have yet to forget it
}

// setRetainBytes sets how many bytes the messages of the room may take.
func (r *Room) setRetainBytes(bytes int64) {
	s := &r.archive.sizes
	if s.rooms == nil {
		s.rooms = make(map[string]int64)
	}
	if s.roomsAt = (time.Time{}); bytes > 0 {
		s.rooms[r.name] = bytes
	} else {
		delete(s.rooms, r.name)
	}
}

// shrink removes the oldest messages, if it is time to and there are too many.
func (a *Archive) shrink(now time.Time) {
	s := &a.sizes
	switch {
	case a.config.RetainBytes <= 0 && len(s.rooms) == 0:
		s.at = time.Time{}
		return
	case now.Before(s.at):
		return
	}
	n, err := a.shrinkSome(now)
	if err != nil && !a.failing && !isBusy(err) {
		a.config.Logger.Warn("old messages can't be removed from the history, which is too large", "file", a.path, "reason", reason(err))
	}
	if done := time.Now(); err == nil && n > 0 {
		s.removed, a.walPending = true, true
		s.at = done.Add(done.Sub(now)) // the disk has time for others
		return
	}
	s.at = a.inspectAt
	if s.removed {
		s.removed, a.versionOf = false, nil // the logs look what is not there any more
	}
}

// shrinkSome removes some of the oldest messages, of the file if that is too large, or else
// of a room, and returns how many.
func (a *Archive) shrinkSome(now time.Time) (int64, error) {
	f, s := a.store.file, &a.sizes
	used, err := f.used(context.Background())
	if err != nil {
		return 0, err
	}
	if limit := a.config.RetainBytes; limit > 0 && used > limit {
		all, err := f.countAbout("")
		if err != nil {
			return 0, err
		}
		if n, err := f.removeOldest("", portion(all, used, limit)); n > 0 || err != nil {
			return n, err
		}
	}
	if len(s.rooms) == 0 || now.Before(s.roomsAt) {
		return 0, nil
	}
	n, err := f.shrinkRooms(s.rooms, used)
	if n == 0 {
		s.roomsAt = now.Add(roomsInterval)
	}
	return n, err
}

// shrinkRooms removes some of the oldest messages of a room that takes too much, and
// returns how many.
func (f *file) shrinkRooms(limits map[string]int64, used int64) (n int64, err error) {
	ctx := context.Background()
	names, err := f.rooms(ctx)
	if err != nil {
		return 0, err
	}
	var all int64
	messages := make(map[string]int64, len(names))
	for _, name := range names {
		if messages[name], err = f.countAbout(name); err != nil {
			return 0, err
		}
		all += messages[name]
	}
	for name, limit := range limits {
		its := messages[name]
		if its == 0 {
			continue
		}
		takes := int64(float64(used) * float64(its) / float64(all))
		if takes <= limit {
			continue
		}
		if n, err := f.removeOldest(name, portion(its, takes, limit)); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// portion returns how many of some messages that take that many bytes to remove at once, to
// get to a limit: one at least.
func portion(messages, bytes, limit int64) int64 {
	tooMany := int64(float64(messages) * float64(bytes-limit) / float64(bytes))
	return min(max(tooMany, 1), pruneBatch)
}

// countAbout returns about how many messages a room has, or all rooms: those between its
// first and its last. It takes no time.
func (f *file) countAbout(room string) (n int64, err error) {
	ctx := context.Background()
	filter, err := f.narrowed(ctx, Filter{Room: room})
	if err != nil || filter.none {
		return 0, err
	}
	where, args := filter.where(filter.place())
	table, number := filter.source()
	end := func(how string) string {
		return "(SELECT " + number + " FROM " + table + " WHERE " + where + " ORDER BY " + number + how + " LIMIT 1)"
	}
	err = f.conn.QueryRowContext(ctx, "SELECT coalesce("+end(" DESC")+" - "+end("")+" + 1, 0)", append(args, args...)...).Scan(&n)
	return n, err
}

// removeOldest removes the oldest messages of a room, or of all, most at most, and returns
// how many. The last message of the file stays.
func (f *file) removeOldest(room string, most int64) (int64, error) {
	filter, err := f.narrowed(context.Background(), Filter{Room: room})
	if err != nil || filter.none {
		return 0, err
	}
	last := "sequence < (SELECT max(sequence) FROM message)"
	if filter.Room == "" {
		return f.removeMost(removal{last, "sequence", nil}, most)
	}
	return f.removeMost(removal{last + " AND room = ?", "number", []any{filter.Room}}, most)
}

// PruneToSize removes the oldest messages of all rooms until the file is about as small as
// that, and gives their space back to the system. It returns how many it has removed.
// Otherwise it is like Prune.
func PruneToSize(ctx context.Context, path string, bytes int64, progress func(done, all int64)) (done int64, err error) {
	return pruneFile(ctx, path, func(f *file) (done int64, err error) {
		var before int64
		for ctx.Err() == nil {
			began := time.Now()
			used, err := f.used(ctx)
			if err != nil || used <= bytes {
				return done, err
			}
			before = max(before, used)
			if progress != nil {
				progress(before-used, before-bytes)
			}
			all, err := f.countAbout("")
			if err != nil {
				return done, err
			}
			n, err := f.removeOldest("", portion(all, used, bytes))
			if done += n; err != nil || n == 0 {
				return done, err
			}
			// The index of words only marks what is removed until it is merged.
			if _, err := f.exec("INSERT INTO search (search, rank) VALUES ('merge', 500)"); err != nil {
				return done, err
			}
			yield(ctx, time.Since(began))
		}
		return done, ctx.Err()
	})
}
