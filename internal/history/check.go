package history

import (
	"context"
	"database/sql"
	"fmt"

	"sop-chat/internal/english"
)

// A Checkup is what was found by looking at all of a file.
type Checkup struct {
	Form   int // of the file, and the latest
	Latest int
	Rooms  []RoomCheckup
	// Faults are what is wrong, in words; none if the file is whole.
	Faults []string
}

// A RoomCheckup is what was found of a room.
type RoomCheckup struct {
	Name        string
	Messages    int64
	First, Last int64 // numbers; 0 if there is no message
	// Gaps are the numbers between them that no message has, the first mostGaps, and Missing
	// is how many numbers those are in all. They were removed, or could not be written.
	Gaps    []Gap
	Missing int64
}

// A Gap is numbers that no message has.
type Gap struct{ First, Last int64 }

// mostGaps is how many gaps of a room are told apart.
const mostGaps = 10

// Check looks at all of a file: whether it is intact, and which numbers are in it. The error
// is one of reading it; what is wrong with it is in the result. A server may write to it
// meanwhile.
func Check(ctx context.Context, path string) (*Checkup, error) {
	f, err := openForeign(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer f.close()
	c := &Checkup{Form: f.form, Latest: len(migrations)}
	// All is looked at as it is at one moment.
	if _, err := f.exec("BEGIN"); err != nil {
		return nil, f.explain(err)
	}
	defer f.exec("ROLLBACK")
	if c.Faults, err = f.damage(ctx); err != nil {
		return nil, f.explain(err)
	}
	if len(c.Faults) > 0 {
		return c, f.explain(nil)
	}
	names, err := f.rooms(ctx)
	if err != nil {
		return nil, f.explain(err)
	}
	for _, name := range names {
		if err := f.checkNumbers(ctx, c, name); err != nil {
			return nil, f.explain(err)
		}
	}
	return c, f.explain(f.checkSequences(ctx, c))
}

// damage returns what SQLite finds wrong with the file.
func (f *file) damage(ctx context.Context) (faults []string, err error) {
	rows, err := f.conn.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var found string
		if err := rows.Scan(&found); err != nil {
			return nil, err
		}
		if found != "ok" {
			faults = append(faults, found)
		}
	}
	if err := rows.Err(); err != nil {
		return append(faults, reason(err).Error()), nil
	}
	return faults, nil
}

// checkNumbers checks the numbers of a room.
func (f *file) checkNumbers(ctx context.Context, c *Checkup, name string) error {
	filter, err := f.narrowed(ctx, Filter{Room: name})
	if err != nil {
		return err
	}
	where, args := filter.where(filter.place())
	table, number := filter.source()
	r := RoomCheckup{Name: name}
	var first, last sql.NullInt64
	query := "SELECT count(*), min(" + number + "), max(" + number + ") FROM " + table + " WHERE " + where
	if err := f.conn.QueryRowContext(ctx, query, args...).Scan(&r.Messages, &first, &last); err != nil {
		return err
	}
	r.First, r.Last = first.Int64, last.Int64
	if r.Messages > 0 {
		r.Missing = r.Last - r.First + 1 - r.Messages
	}
	if r.Missing > 0 {
		query = "SELECT before + 1, number - 1 FROM (SELECT " + number + " AS number, lag(" + number + ") OVER (ORDER BY " + number + ") AS before FROM " +
			table + " WHERE " + where + ") WHERE number > before + 1 ORDER BY number LIMIT ?"
		for gap, err := range each(ctx, f, query, append(args, mostGaps), func(g *Gap, r row) error { return r.Scan(&g.First, &g.Last) }) {
			if err != nil {
				return err
			}
			r.Gaps = append(r.Gaps, *gap)
		}
	}
	c.Rooms = append(c.Rooms, r)
	given, err := f.lastNumber(ctx, name)
	switch {
	case err != nil:
		return err
	case r.Missing < 0:
		c.fault("room %q has messages with numbers that others have: %d of %d", name, -r.Missing, r.Messages)
	case r.Last > given:
		c.fault("room %q has a message with the number %d, and gave out numbers up to %d", name, r.Last, given)
	}
	return nil
}

// checkSequences checks the places of messages in the file.
func (f *file) checkSequences(ctx context.Context, c *Checkup) error {
	given, err := f.last(ctx)
	if err != nil {
		return err
	}
	var last, others, early int64
	if err := f.conn.QueryRowContext(ctx, "SELECT coalesce(max(sequence), 0) FROM message").Scan(&last); err != nil {
		return err
	}
	if last > given {
		c.fault("a message has the sequence %d, and sequences were given out up to %d", last, given)
	}
	if f.form < roomsForm {
		return nil
	}
	err = f.conn.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM message WHERE room NOT IN (SELECT name FROM room)),
		(SELECT count(*) FROM message WHERE number < 1)`).Scan(&others, &early)
	if early > 0 {
		c.fault("%s %s a number before 1, which is the first", english.Count(early, "message"), english.Have(early))
	}
	if others > 0 {
		c.fault("%s %s of rooms that the file does not know", english.Count(others, "message"), english.Are(others))
	}
	return err
}

func (c *Checkup) fault(format string, args ...any) {
	c.Faults = append(c.Faults, fmt.Sprintf(format, args...))
}
