package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sop-chat/internal/english"
)

// A file with one room is read by sequences, which are the numbers then. Only one with
// more has an index of the numbers of each room.

// Rooms returns the names of the rooms in which something was said, in order.
func (r *Reader) Rooms(ctx context.Context) ([]string, error) {
	names, err := r.file.rooms(ctx)
	return names, r.file.explain(err)
}

// HasRooms reports whether there are several rooms in which something was said.
func (r *Reader) HasRooms(ctx context.Context) (bool, error) {
	several, err := r.file.hasRooms(ctx)
	return several, r.file.explain(err)
}

// CheckRoom returns an error that says which rooms there are, if a room is not one of
// them. The empty name stands for all rooms.
func (r *Reader) CheckRoom(ctx context.Context, name string) error {
	return r.file.explain(r.file.checkRoom(ctx, name))
}

func (f *file) checkRoom(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	names, err := f.rooms(ctx)
	if err != nil || slices.Contains(names, name) {
		return err
	}
	return errForm("has " + unknownRoom(name, names))
}

// unknownRoom says that a room is not there, and which are.
func unknownRoom(name string, names []string) string {
	const most = 20
	all := fmt.Sprintf("no room %q", name)
	switch len(names) {
	case 0:
		return all + ": it has no messages yet"
	case 1:
		return all + fmt.Sprintf(", but only %q", names[0])
	}
	quoted := make([]string, min(len(names), most))
	for i := range quoted {
		quoted[i] = fmt.Sprintf("%q", names[i])
	}
	all += "; its rooms are " + strings.Join(quoted, ", ")
	if len(names) > most {
		all += " and " + english.Count(len(names)-most, "other")
	}
	return all
}

// rooms returns the names of the rooms in which something was said.
func (f *file) rooms(ctx context.Context) (names []string, err error) {
	query := "SELECT name FROM room ORDER BY name"
	if f.form < roomsForm {
		query = "SELECT room FROM message ORDER BY sequence DESC LIMIT 1"
	}
	rows, err := f.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// hasRooms reports whether there are several.
func (f *file) hasRooms(ctx context.Context) (several bool, err error) {
	if f.form < roomsForm {
		return false, nil
	}
	err = f.conn.QueryRowContext(ctx, "SELECT count(*) > 1 FROM (SELECT name FROM room LIMIT 2)").Scan(&several)
	return several, err
}

// onlyRoom returns the name of the room of a file that has one, at most, if the numbers of
// its messages are their sequences: the file has no index of them then.
func (f *file) onlyRoom(ctx context.Context) (name string, only bool, err error) {
	if f.form < roomsForm {
		names, err := f.rooms(ctx)
		return strings.Join(names, ""), true, err
	}
	err = f.conn.QueryRowContext(ctx, `SELECT coalesce(min(name), ''), count(*) < 2 AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'message_room_number')
		FROM (SELECT name FROM room LIMIT 2)`).Scan(&name, &only)
	return name, only, err
}

// narrowed returns a filter that selects the same messages of this file. It has a room
// only if the file has more than one.
func (f *file) narrowed(ctx context.Context, filter Filter) (Filter, error) {
	if filter.Room == "" {
		return filter, nil
	}
	name, only, err := f.onlyRoom(ctx)
	if err != nil || !only {
		return filter, err
	}
	if name != filter.Room {
		filter.none = true
	}
	filter.Room = ""
	return filter, nil
}

// sequenceFrom returns the sequence of the first message of a room from a number on. It
// is greater than any if there is none.
func (f *file) sequenceFrom(ctx context.Context, room string, number int64) (int64, error) {
	return f.firstOr(ctx, afterAll, "SELECT sequence FROM message INDEXED BY message_room_number WHERE room = ? AND number >= ? ORDER BY number LIMIT 1",
		room, number)
}

// numberFrom returns a number: the messages of a room from it on are those from a
// sequence on.
func (f *file) numberFrom(ctx context.Context, room string, sequence int64) (int64, error) {
	last, err := f.firstOr(ctx, 0, "SELECT number FROM message INDEXED BY message_room_number WHERE room = ? ORDER BY number DESC LIMIT 1", room)
	low, high := int64(1), last+1 // it is one of those
	for err == nil && low < high {
		middle := low + (high-low)/2
		var at int64
		if at, err = f.sequenceFrom(ctx, room, middle); at >= sequence {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, err
}

// firstOr returns the first value that a query returns, or another if there is none.
func (f *file) firstOr(ctx context.Context, other int64, query string, args ...any) (value int64, err error) {
	err = f.conn.QueryRowContext(ctx, query, args...).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return other, nil
	}
	return value, err
}

// lastNumber returns the number of the last message there ever was in a room, or 0.
func (f *file) lastNumber(ctx context.Context, room string) (int64, error) {
	name, only, err := f.onlyRoom(ctx)
	switch {
	case err != nil:
		return 0, err
	case !only:
		return f.firstOr(ctx, 0, `SELECT max(coalesce((SELECT last FROM room WHERE name = ?1), 0),
			coalesce((SELECT max(number) FROM message INDEXED BY message_room_number WHERE room = ?1), 0))`, room)
	case name == room:
		return f.last(ctx)
	}
	return 0, nil
}

// lastNumbers returns the numbers of the last messages there ever were in each room.
func (f *file) lastNumbers(ctx context.Context) (map[string]int64, error) {
	names, err := f.rooms(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]int64, len(names))
	for _, name := range names {
		if all[name], err = f.lastNumber(ctx, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// prepareRooms prepares the file for messages of some rooms: if it will have more than
// one then, it gets an index of their numbers. So it does if the sequences are ahead of the
// numbers of its only room, which they are in a file that takes the place of another with
// more rooms.
func (s *store) prepareRooms(ctx context.Context, names ...string) error {
	if s.indexesNumbers {
		return nil
	}
	there, err := s.file.rooms(ctx)
	if err != nil {
		return err
	}
	if all := append(there, names...); !slices.ContainsFunc(all, func(name string) bool { return name != all[0] }) {
		ahead, err := s.file.firstOr(ctx, 0, "SELECT seq > coalesce((SELECT last FROM room), 0) FROM sqlite_sequence WHERE name = 'message'")
		if err != nil || ahead == 0 {
			return err
		}
	}
	_, err = s.file.exec(numbersIndex)
	s.indexesNumbers = err == nil
	return err
}

// putRoom stores that a room has given out numbers up to one. It is called within a
// transaction.
func (s *store) putRoom(name string, last int64) error {
	_, err := s.file.exec("INSERT INTO room VALUES (?, ?) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)", name, last)
	return err
}
