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
	// Rooms are those with messages, by the number of their messages, largest first, if
	// those of all rooms are counted, and there are several.
	Rooms []RoomCount
}

// A RoomCount is how many messages were written in a room.
type RoomCount struct {
	Name     string
	Messages int
}

// A PersonCount is how many messages a person wrote.
type PersonCount struct {
	Name     string // as it authenticated
	Messages int
}

// Stats counts the messages that a filter selects by its Room and its Since.
func (r *Reader) Stats(ctx context.Context, f Filter) (*Stats, error) {
	var s Stats
	f, err := r.file.narrowed(ctx, Filter{Room: f.Room, Since: f.Since})
	if err == nil {
		err = r.countPeople(ctx, &s, f)
	}
	if err == nil {
		err = r.countHours(ctx, &s, f)
	}
	if err == nil && f.Room == "" {
		err = r.countRooms(ctx, &s, f)
	}
	return &s, r.file.explain(err)
}

func (r *Reader) countPeople(ctx context.Context, s *Stats, f Filter) error {
	where, args := f.where(f.place())
	table, _ := f.source()
	if f.Room == "" && f.Since.IsZero() {
		table = "message m INDEXED BY message_authenticated_name"
	}
	rows, err := r.file.conn.QueryContext(ctx, "SELECT authenticated_name, count(*) FROM "+table+" WHERE "+where+" GROUP BY 1 ORDER BY 2 DESC, 1", args...)
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
func (r *Reader) countHours(ctx context.Context, s *Stats, f Filter) error {
	const quarter = 15 * time.Minute
	where, args := f.where(f.place())
	table, _ := f.source()
	if f.Room == "" {
		table = "message m INDEXED BY message_time"
	}
	rows, err := r.file.conn.QueryContext(ctx, "SELECT time / ?, count(*), min(time), max(time) FROM "+table+" WHERE "+where+" GROUP BY 1 ORDER BY 1",
		append([]any{int64(quarter)}, args...)...)
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

func (r *Reader) countRooms(ctx context.Context, s *Stats, f Filter) error {
	if several, err := r.file.hasRooms(ctx); err != nil || !several {
		return err
	}
	where, args := f.where("m.sequence")
	table := "message m INDEXED BY message_room_number"
	if !f.Since.IsZero() {
		table, _ = f.source()
	}
	rows, err := r.file.conn.QueryContext(ctx, "SELECT room, count(*) FROM "+table+" WHERE "+where+" GROUP BY 1 ORDER BY 2 DESC, 1", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c RoomCount
		if err := rows.Scan(&c.Name, &c.Messages); err != nil {
			return err
		}
		s.Rooms = append(s.Rooms, c)
	}
	return rows.Err()
}
