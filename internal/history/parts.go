package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"
)

// An index of parts of words would make the file half as large again and writing three
// times as slow, see docs/decisions/search.md. So they are found by looking at each
// message, the newest first, and only after whole words have been found.

// partsBatch is how many messages are looked at with one query: few enough that little
// of the time is lost when it is over.
const partsBatch = 10_000

// An IncompleteError says that there was no time to look for parts of words in all
// messages. What Search has returned before it is right.
type IncompleteError struct {
	Since time.Time // of the first message that was looked at; if none was, the present
}

func (e *IncompleteError) Error() string {
	return "there was no time to look for parts of words in messages from before " + e.Since.Format(time.DateTime)
}

// addParts adds the last hits that have parts of words to those that have whole words,
// up to the limit of the filter.
func (r *Reader) addParts(ctx context.Context, q *query, f Filter, whole []Hit) ([]Hit, error) {
	all := ctx
	if f.ForParts > 0 {
		limited, cancel := context.WithTimeout(ctx, f.ForParts)
		defer cancel()
		ctx = limited
	}
	isWhole := make(map[int64]bool)
	for i := range whole {
		isWhole[whole[i].Sequence] = true
	}
	var parts []Hit // the newest first
	looked := IncompleteError{Since: time.Now()}
	before := int64(math.MaxInt64)
	for len(whole)+len(parts) < f.Last {
		first, since, err := r.batchBefore(ctx, f.between(0, before))
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		var some []Hit
		if err == nil {
			for h, failure := range r.hits(ctx, q, looking(q, true), f.between(first-1, before)) {
				if err = failure; err == nil && !isWhole[h.Sequence] {
					some = append(some, *h)
				}
			}
		}
		if err != nil && ctx.Err() != nil && all.Err() == nil {
			return inOrder(whole, parts), &looked
		}
		if err != nil {
			return nil, err
		}
		slices.Reverse(some)
		parts = append(parts, some[:min(len(some), f.Last-len(whole)-len(parts))]...)
		before, looked.Since = first, since
	}
	return inOrder(whole, parts), nil
}

// batchBefore returns the sequence and the time of the first of the last partsBatch
// messages between those sequences that a filter has, or sql.ErrNoRows.
func (r *Reader) batchBefore(ctx context.Context, f Filter) (first int64, since time.Time, err error) {
	s, f, err := r.inRoom(ctx, lookedAt, f)
	if err != nil {
		return 0, time.Time{}, r.file.explain(err)
	}
	where, args := (&Filter{Room: f.Room, After: f.After, Before: f.Before}).where(s.sequence)
	last := "SELECT m.sequence FROM " + s.source + " WHERE " + where + " ORDER BY " + s.sequence + " DESC LIMIT ?"
	var nanoseconds int64
	err = r.file.conn.QueryRowContext(ctx, "SELECT sequence, time FROM message WHERE sequence = (SELECT min(sequence) FROM ("+last+"))",
		append(args, partsBatch)...).Scan(&first, &nanoseconds)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		err = r.file.explain(err)
	}
	return first, time.Unix(0, nanoseconds), err
}

// inOrder returns hits of two kinds, the oldest first.
func inOrder(whole, parts []Hit) []Hit {
	all := append(whole, parts...)
	slices.SortFunc(all, func(a, b Hit) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return all
}
