package history

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// partsFile is a file of many messages, two of which have a word and six of which have
// it as a part of another, in places where batches of those that are looked at begin and
// end. It also returns the sequences of the two and of the six.
func partsFile(t *testing.T) (path string, whole, within []int64) {
	t.Helper()
	const n = 2*partsBatch + 10
	whole, within = []int64{3, n - 1}, []int64{1, 2, 10, 11, n - partsBatch, n}
	messages := make([]Message, n)
	for i := range messages {
		m := &messages[i]
		*m = Message{Sequence: int64(i + 1), Time: noon.Add(time.Duration(i) * time.Second), Room: "main", From: *alice}
		text := "nothing"
		switch {
		case slices.Contains(whole, m.Sequence):
			text = "the Bahn"
		case slices.Contains(within, m.Sequence):
			text = "a Straßenbahn"
		}
		copy(m.Wire[wire.NameSize:], text)
	}
	path = newFile(t)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	addAll(t, s, messages)
	return path, whole, within
}

// Whole words come before parts of words where the number of hits is limited, all in the
// order of the messages, and the filter holds for both.
func TestSearchParts(t *testing.T) {
	path, whole, within := partsFile(t)
	r := openReader(t, path)
	all := slices.Sorted(slices.Values(append(slices.Clone(whole), within...)))
	after := func(sequence int64) time.Time { return noon.Add(time.Duration(sequence) * time.Second) }
	for _, c := range []struct {
		query  string
		filter Filter
		want   []int64
	}{
		{"bahn", Filter{}, all},
		{"bahn", Filter{Last: 100}, all},
		{"bahn", Filter{Last: 8}, all},
		{"bahn", Filter{Last: 7}, all[1:]},
		{"bahn", Filter{Last: 4}, []int64{3, all[5], all[6], all[7]}},
		{"bahn", Filter{Last: 2}, whole},
		{"bahn", Filter{Last: 1}, whole[1:]},
		{`"bahn"`, Filter{Last: 100}, whole},
		{"bahn*", Filter{Last: 100}, whole},
		{"bahn", Filter{Last: 100, Before: 11}, all[:4]},
		{"bahn", Filter{Last: 100, After: 2, Before: 11}, all[2:4]},
		{"bahn", Filter{Last: 100, Since: after(2)}, all[3-1:]},
		{"bahn", Filter{Since: after(10), Until: after(int64(2*partsBatch + 9))}, all[4:7]},
		{"bahn", Filter{Last: 100, Since: after(1 << 20)}, nil},
		{"bahn", Filter{Last: 100, From: "bob"}, nil},
	} {
		hits, err := r.Search(t.Context(), c.query, c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for h, err := range hits {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.Sequence)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %+v finds %v, want %v", c.query, c.filter, got, c.want)
		}
	}
}

// When the time for parts of words is over, what was found is there, and it is said how
// far they were looked for.
func TestSearchPartsInTime(t *testing.T) {
	path, whole, _ := partsFile(t)
	r := openReader(t, path)
	began := time.Now()
	hits, err := r.Search(t.Context(), "bahn", Filter{Last: 100, ForParts: 1})
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	var incomplete *IncompleteError
	for h, err := range hits {
		if h != nil {
			got = append(got, h.Sequence)
		} else if !errors.As(err, &incomplete) || incomplete.Since.Before(began) {
			t.Errorf("the error is %v", err)
		}
	}
	if !slices.Equal(got, whole) || incomplete == nil {
		t.Errorf("found are %v, want %v; the error is %v", got, whole, incomplete)
	}
	q, err := parseQuery("bahn")
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for limit := time.Microsecond; ; limit += limit / 8 { // until there is time for one batch, and not for all
		found, err := r.addParts(t.Context(), q, Filter{Last: 100, ForParts: limit}, nil)
		switch {
		case time.Now().After(deadline):
			t.Fatal("there is never time for some messages only")
		case err == nil:
			limit = time.Microsecond
		case !errors.As(err, &incomplete):
			t.Fatal(err)
		case incomplete.Since.Before(began):
			first := int64(incomplete.Since.Sub(noon)/time.Second) + 1
			if len(found) == 0 || found[0].Sequence < first {
				t.Errorf("the first that was looked at is %d, and found are %v", first, found)
			}
			return
		}
	}
}

// Looking for parts of words ends with its context, too.
func TestSearchPartsInterrupted(t *testing.T) {
	path, _, _ := partsFile(t)
	r := openReader(t, path)
	for _, last := range []int{0, 100} {
		ctx, cancel := context.WithCancel(t.Context())
		hits, err := r.Search(ctx, "bahn", Filter{Last: last})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for _, err = range hits {
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the last %d: %v", last, err)
		}
	}
	q, err := parseQuery("bahn")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	hits, err := r.addParts(ctx, q, Filter{Last: 100, ForParts: time.Hour}, nil)
	if len(hits) > 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d hits, %v", len(hits), err)
	}
}
