package history

import (
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"
)

// A Hit is a message that was found.
type Hit struct {
	Message
	// Parts are the message's text, up to its first zero byte, cut where matches
	// begin and end: every second part, from the second on, is a match.
	Parts []string
}

// Search returns the messages that a filter selects and that contain all words of
// a query, in any order, whatever their case and accents; the oldest message
// first. Words between quotes must follow each other, and a word that ends in *
// matches all words that begin like it. Each character of Chinese, Japanese,
// Korean, Thai and other scripts without blanks counts as a word, and so does an
// emoji; those without a blank between them must follow each other.
//
// Words of three letters or more that are not between quotes are also found within
// others. If the filter limits how many messages are selected, those with whole
// words come before those with parts of words; see Filter.ForParts.
//
// Each hit is valid until the next. If reading fails, the error comes last.
func (r *Reader) Search(ctx context.Context, text string, f Filter) (iter.Seq2[*Hit, error], error) {
	q, err := parseQuery(text)
	if err != nil {
		return nil, err
	}
	if f, err = r.sequencesOf(ctx, f); err != nil {
		return nil, r.file.explain(err)
	}
	if f.none {
		return func(func(*Hit, error) bool) {}, nil
	}
	switch {
	case !q.hasParts():
		return r.whole(ctx, q, f)
	case f.Last == 0:
		return r.hits(ctx, q, looking(q, true), f), nil // as all are looked at, the index is of no use
	}
	whole, err := r.whole(ctx, q, f)
	if err != nil {
		return nil, err
	}
	return func(yield func(*Hit, error) bool) {
		var found []Hit
		for h, err := range whole {
			if err != nil {
				yield(nil, err)
				return
			}
			found = append(found, *h)
		}
		found, err := r.addParts(ctx, q, f, found)
		for i := range found {
			if !yield(&found[i], nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}, nil
}

// whole returns the hits that have the words of a query as they are.
func (r *Reader) whole(ctx context.Context, q *query, f Filter) (iter.Seq2[*Hit, error], error) {
	first, last, err := r.unindexed(ctx)
	small := false
	if err == nil {
		small, err = r.isSmall(ctx, f.Room)
	}
	if err != nil {
		return nil, r.file.explain(err)
	}
	if small {
		return r.hits(ctx, q, looking(q, false), f), nil
	}
	index := section{"search CROSS JOIN message m ON m.sequence = search.rowid", "search.rowid", "search MATCH ?", []any{q.expression()}}
	hits := func(s section, after, before int64) iter.Seq2[*Hit, error] {
		return r.hits(ctx, q, s, f.between(after, before))
	}
	if first > last {
		return hits(index, 0, math.MaxInt64), nil
	}
	scan := looking(q, false)
	older, between, newer := hits(index, 0, first), hits(scan, first-1, last+1), hits(index, last, math.MaxInt64)
	if f.Last == 0 {
		return func(yield func(*Hit, error) bool) {
			_ = forward(older, yield) && forward(between, yield) && forward(newer, yield)
		}, nil
	}
	return newest(f.Last, newer, between, older), nil
}

// forward yields what is in a sequence, and reports whether more is wanted.
func forward(hits iter.Seq2[*Hit, error], yield func(*Hit, error) bool) bool {
	for h, err := range hits {
		if !yield(h, err) || err != nil {
			return false
		}
	}
	return true
}

// newest returns the last hits of several sequences, most at most, each of which is
// of older messages than the one before.
func newest(most int, sequences ...iter.Seq2[*Hit, error]) iter.Seq2[*Hit, error] {
	return func(yield func(*Hit, error) bool) {
		var found [][]Hit // as many as are asked for, so that older messages are only looked at if need be
		for _, hits := range sequences {
			var some []Hit
			for h, err := range hits {
				if err != nil {
					yield(nil, err)
					return
				}
				some = append(some, *h)
			}
			some = some[max(0, len(some)-most):]
			found = append(found, some)
			if most -= len(some); most == 0 {
				break
			}
		}
		for _, some := range slices.Backward(found) {
			for i := range some {
				if !yield(&some[i], nil) {
					return
				}
			}
		}
	}
}

// A section is a part of the history, and how messages are found in it: by the
// index, or by looking at each.
type section struct {
	source, sequence string // the tables, and the column by which they are read
	condition        string
	arguments        []any
}

// looking returns the section of messages that are found by looking at each. The
// query's words may be parts of theirs if parts is set.
func looking(q *query, parts bool) section {
	// The query is passed as a blob, since a text would end at its first zero.
	s := lookedAt
	s.condition, s.arguments = matches+"(m.text, ?, ?)", []any{[]byte(q.text), parts}
	return s
}

var lookedAt = section{source: "message m", sequence: "m.sequence"}

// smallRoom is how many messages a room has at most that are looked at one by one. The
// index is of all rooms: in it, most hits of a common word would be in other rooms.
const smallRoom = 20_000

func (r *Reader) isSmall(ctx context.Context, room string) (small bool, err error) {
	if room == "" {
		return false, nil
	}
	err = r.file.conn.QueryRowContext(ctx, "SELECT count(*) <= ?1 FROM (SELECT 1 FROM message INDEXED BY message_room_number WHERE room = ?2 LIMIT ?1 + 1)",
		smallRoom, room).Scan(&small)
	return small, err
}

// inRoom returns the same section and the same filter by numbers, by which those
// messages of a room are found that are looked at one by one.
func (r *Reader) inRoom(ctx context.Context, s section, f Filter) (section, Filter, error) {
	if s.sequence != lookedAt.sequence || f.Room == "" {
		return s, f, nil
	}
	s.source, s.sequence = s.source+" INDEXED BY message_room_number", "m.number"
	after, err := r.file.numberFrom(ctx, f.Room, following(f.After))
	f.After = after - 1
	if err == nil && f.Before > 0 {
		f.Before, err = r.file.numberFrom(ctx, f.Room, f.Before)
	}
	return s, f, err
}

// following returns the number after another, if there is one.
func following(number int64) int64 {
	if number == afterAll {
		return number
	}
	return number + 1
}

// hits returns the hits that a filter selects, by their sequences.
func (r *Reader) hits(ctx context.Context, q *query, s section, f Filter) iter.Seq2[*Hit, error] {
	s, f, err := r.inRoom(ctx, s, f)
	if err != nil {
		return failed[Hit](r.file.explain(err))
	}
	where, args := f.where(s.sequence)
	statement := "SELECT " + r.file.columnsOf("m") + " FROM " + s.source + " WHERE " + where
	statement += " AND " + s.condition + " ORDER BY " + s.sequence
	args = append(args, s.arguments...)
	if f.Last > 0 {
		statement = "SELECT * FROM (" + statement + " DESC LIMIT ?) ORDER BY sequence"
		args = append(args, f.Last)
	}
	w, parts := words{traces: true}, q.hasParts()
	return each(ctx, r.file, statement, args, func(h *Hit, row row) error {
		if err := h.scan(row); err != nil {
			return err
		}
		text := string(h.Wire.Text())
		w.split(text)
		h.Parts = cut(text, q.find(&w, parts))
		return nil
	})
}

// sequencesOf returns a filter that selects the same messages, and says so by their
// sequences if it does so by numbers, or excludes those from before a time. Unlike a
// time, the order of the messages can use that.
func (r *Reader) sequencesOf(ctx context.Context, f Filter) (Filter, error) {
	f, err := r.file.narrowed(ctx, f)
	if err == nil && f.Room != "" {
		var after int64
		after, err = r.file.sequenceFrom(ctx, f.Room, following(f.After))
		f.After = after - 1
		if err == nil && f.Before > 0 {
			f.Before, err = r.file.sequenceFrom(ctx, f.Room, f.Before)
		}
	}
	if err != nil || f.Since.IsZero() {
		return f, err
	}
	var first sql.NullInt64
	err = r.file.conn.QueryRowContext(ctx, "SELECT min(sequence) FROM message INDEXED BY message_time WHERE time >= ?", f.Since.UnixNano()).Scan(&first)
	if !first.Valid {
		first.Int64 = math.MaxInt64
	}
	return f.between(first.Int64-1, math.MaxInt64), err
}

// between returns the filter for messages between two sequences alone.
func (f Filter) between(after, before int64) Filter {
	if f.After = max(f.After, after); f.Before == 0 || f.Before > before {
		f.Before = before
	}
	return f
}

// unindexed returns the first and the last sequence between which the index may lack
// messages. The index of a file in an older form finds less, so it counts as none.
func (r *Reader) unindexed(ctx context.Context) (first, last int64, err error) {
	if r.file.form < indexedForm {
		return 1, math.MaxInt64 - 1, nil
	}
	err = r.file.conn.QueryRowContext(ctx, "SELECT max(coalesce(min(first), 1), 1), coalesce(max(last), 0) FROM unindexed").Scan(&first, &last)
	return first, last, err
}
