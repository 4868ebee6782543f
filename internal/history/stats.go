package history

import (
	"context"
	"time"
)

// Stats counts messages.
type Stats struct {
	// Messages is how many there are, First and Last the times of the first and
	// the last.
	Messages    int
	First, Last time.Time
	// People are the authors, by the number of their messages, largest first.
	People []PersonCount
	// Hours are how many were written in each hour of the day, local time.
	Hours [24]int
}

// A PersonCount is how many messages a person wrote.
type PersonCount struct {
	Name     string // as it authenticated
	Messages int
}

// Stats counts the messages from a time on; zero counts all.
func (r *Reader) Stats(ctx context.Context, since time.Time) (*Stats, error) {
	var s Stats
	err := r.countPeople(ctx, &s, since)
	if err == nil {
		err = r.countHours(ctx, &s, since)
	}
	return &s, r.file.explain(err)
}

func (r *Reader) countPeople(ctx context.Context, s *Stats, since time.Time) error {
	query, args := "SELECT authenticated_name, count(*) FROM message INDEXED BY message_authenticated_name", []any(nil)
	if !since.IsZero() {
		query, args = "SELECT authenticated_name, count(*) FROM message INDEXED BY message_time WHERE time >= ?", []any{since.UnixNano()}
	}
	rows, err := r.file.conn.QueryContext(ctx, query+" GROUP BY 1 ORDER BY 2 DESC, 1", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p PersonCount
		var name []byte
		if err := rows.Scan(&name, &p.Messages); err != nil {
			return err
		}
		p.Name = string(name)
		s.People = append(s.People, p)
		s.Messages += p.Messages
	}
	return rows.Err()
}

// countHours counts messages by quarters of an hour. Time zones differ by
// multiples of that, so that SQLite needs to know none.
func (r *Reader) countHours(ctx context.Context, s *Stats, since time.Time) error {
	const quarter = 15 * time.Minute
	from := int64(0)
	if !since.IsZero() {
		from = since.UnixNano()
	}
	rows, err := r.file.conn.QueryContext(ctx, `SELECT time / ?, count(*), min(time), max(time) FROM message INDEXED BY message_time
		WHERE time >= ? GROUP BY 1 ORDER BY 1`, int64(quarter), from)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number, first, last int64
		var n int
		if err := rows.Scan(&number, &n, &first, &last); err != nil {
			return err
		}
		s.Hours[time.Unix(0, number*int64(quarter)).Hour()] += n
		if s.First.IsZero() {
			s.First = time.Unix(0, first)
		}
		s.Last = time.Unix(0, last)
	}
	return rows.Err()
}
