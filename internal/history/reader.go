package history

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"time"
)

// A Reader reads a file, also while an Archive writes to it. It is for one
// goroutine.
type Reader struct {
	path      string
	file      *file
	moved     bool // the file was moved, and is read once more; see currentPath
	readMoved bool // all of the moved file was read
}

// OpenForeign opens a file for reading that this process does not write to. It
// changes nothing in it or beside it. It fails if another process may have
// written messages that can't be found.
func OpenForeign(ctx context.Context, path string) (*Reader, error) {
	f, err := openForeign(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	return &Reader{path: path, file: f}, nil
}

// OpenReader opens a file for reading that an Archive of this process may write
// to.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	f, err := openToRead(ctx, path)
	if err != nil {
		return nil, err
	}
	return &Reader{path: path, file: f}, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.close() }

// A Filter selects messages. Its zero value selects all.
type Filter struct {
	// Room selects the messages of a room. Empty selects those of all.
	Room string
	// Since excludes messages from before a time. Zero excludes none.
	Since time.Time
	// Until excludes messages from that time on. Zero excludes none.
	Until time.Time
	// From selects the name that the sender authenticated with. Empty selects all.
	From string
	// After excludes messages up to this number of the room, or, of all rooms, up to
	// this sequence.
	After int64
	// Before excludes messages from this number of the room on, or, of all rooms, from
	// this sequence on. 0 excludes none.
	Before int64
	// Last selects only that many of them, the last ones. 0 selects all.
	Last int
	// ForParts is how long Search may look for parts of words, if Last is set. Zero is
	// as long as it takes.
	ForParts time.Duration

	none bool // selects nothing: there is no such room
}

// afterAll is greater than any sequence and any number.
const afterAll = math.MaxInt64

// where returns the conditions that a selected row of message m meets, which lies
// between After and Before by the given column.
func (f *Filter) where(by string) (conditions string, args []any) {
	conditions = by + " > ?"
	args = append(args, f.After)
	if f.none {
		conditions += " AND false"
	}
	if f.Before > 0 {
		conditions += " AND " + by + " < ?"
		args = append(args, f.Before)
	}
	if f.Room != "" {
		conditions += " AND m.room = ?"
		args = append(args, f.Room)
	}
	if !f.Since.IsZero() {
		conditions += " AND m.time >= ?"
		args = append(args, f.Since.UnixNano())
	}
	if !f.Until.IsZero() {
		conditions += " AND m.time < ?"
		args = append(args, f.Until.UnixNano())
	}
	if f.From != "" {
		conditions += " AND m.authenticated_name = ?"
		args = append(args, []byte(f.From))
	}
	return conditions, args
}

// source returns table message as m, by the index that leads to the fewest rows, and
// the column by which that index has them in order, if one has.
func (f *Filter) source() (table, order string) {
	switch {
	case !f.Since.IsZero():
		return "message m INDEXED BY message_time", "m.sequence"
	case f.From != "":
		return "message m INDEXED BY message_authenticated_name", "m.sequence"
	case f.Room != "":
		return "message m INDEXED BY message_room_number", "m.number"
	}
	return "message m", "m.sequence"
}

// place returns the column of After and Before.
func (f *Filter) place() string {
	if f.Room != "" {
		return "m.number"
	}
	return "m.sequence"
}

// Messages returns the messages that a filter selects, oldest first. Each is
// valid until the next. If reading fails, the error comes last.
func (r *Reader) Messages(ctx context.Context, f Filter) iter.Seq2[*Message, error] {
	f, err := r.file.narrowed(ctx, f)
	if err != nil {
		return failed[Message](r.file.explain(err))
	}
	query, args := r.file.query(f)
	return each(ctx, r.file, query, args, (*Message).scan)
}

// query returns the query for the messages that a narrowed filter selects.
func (f *file) query(filter Filter) (query string, args []any) {
	where, args := filter.where(filter.place())
	table, order := filter.source()
	query = "SELECT " + f.columnsOf("m") + " FROM " + table + " WHERE " + where + " ORDER BY " + order
	if filter.Last > 0 {
		query = "SELECT * FROM (" + query + " DESC LIMIT ?) ORDER BY sequence"
		args = append(args, filter.Last)
	}
	return query, args
}

// failed returns the rows of a query that has failed.
func failed[T any](err error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) { yield(nil, err) }
}

// each returns the rows of a query, each scanned into the same value. If reading
// fails, the error comes last.
func each[T any](ctx context.Context, f *file, query string, args []any, scan func(*T, row) error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		rows, err := f.conn.QueryContext(ctx, query, args...)
		if err != nil {
			yield(nil, f.explain(err))
			return
		}
		defer rows.Close()
		var value T
		for rows.Next() {
			if err := scan(&value, rows); err != nil {
				yield(nil, f.explain(err))
				return
			}
			if !yield(&value, nil) {
				return
			}
		}
		if err := f.explain(rows.Err()); err != nil {
			yield(nil, err)
		}
	}
}

// Last returns the number of the last message there ever was in a room, or, of all rooms,
// its sequence, as for Filter.After. It is 0 if there was none.
func (r *Reader) Last(ctx context.Context, room string) (int64, error) {
	f, err := r.file.narrowed(ctx, Filter{Room: room})
	if err != nil || f.none {
		return 0, r.file.explain(err)
	}
	if f.Room == "" {
		last, err := r.file.last(ctx)
		return last, r.file.explain(err)
	}
	last, err := r.file.lastNumber(ctx, room)
	return last, r.file.explain(err)
}

// last returns the sequence of the last message there ever was, or 0.
func (f *file) last(ctx context.Context) (int64, error) {
	var last sql.NullInt64
	err := f.conn.QueryRowContext(ctx, "SELECT max(seq) FROM sqlite_sequence WHERE name = 'message'").Scan(&last)
	return last.Int64, err
}

// Count returns how many messages a filter selects.
func (r *Reader) Count(ctx context.Context, f Filter) (n int, err error) {
	if f, err = r.file.narrowed(ctx, f); err != nil {
		return 0, r.file.explain(err)
	}
	where, args := f.where(f.place())
	table, _ := f.source()
	query := "SELECT 1 FROM " + table + " WHERE " + where
	if f.Last > 0 {
		query += " LIMIT ?"
		args = append(args, f.Last)
	}
	err = r.file.conn.QueryRowContext(ctx, "SELECT count(*) FROM ("+query+")", args...).Scan(&n)
	return n, r.file.explain(err)
}
