package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// written returns a file with some messages, one a minute from noon on. Each is
// given as "name: text".
func written(t testing.TB, messages ...string) string {
	t.Helper()
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	for i, m := range messages {
		name, text, _ := strings.Cut(m, ": ")
		r.say(&broadcast.Sender{Name: name, Addr: alice.Addr}, name, text, noon.Add(time.Duration(i)*time.Minute))
	}
	r.finish()
	return r.path
}

// A filter selects messages in the order of the file.
func TestFilter(t *testing.T) {
	path := written(t, "alice: 1", "bob: 2", "alice: 3", "carol: 4", "bob: 5")
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for _, test := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "12345"},
		{Filter{Last: 2}, "45"},
		{Filter{Last: 10}, "12345"},
		{Filter{From: "alice"}, "13"},
		{Filter{From: "alice", Last: 1}, "3"},
		{Filter{From: "Alice"}, ""},
		{Filter{From: "nobody"}, ""},
		{Filter{Since: at(2)}, "345"},
		{Filter{Since: at(2), Last: 2}, "45"},
		{Filter{Since: at(2), From: "bob"}, "5"},
		{Filter{Since: at(5)}, ""},
		{Filter{Until: at(2)}, "12"},
		{Filter{Since: at(1), Until: at(3), From: "bob"}, "2"},
		{Filter{Until: at(4), Last: 2}, "34"},
		{Filter{After: 3}, "45"},
		{Filter{After: 1, From: "bob", Since: at(1), Last: 5}, "25"},
		{Filter{After: 5}, ""},
		{Filter{Before: 3}, "12"},
		{Filter{Before: 5, Last: 2}, "34"},
	} {
		var got strings.Builder
		for _, m := range read(t, path, test.filter) {
			got.Write(m.Wire.Text())
		}
		if got.String() != test.want {
			t.Errorf("%+v: %q, want %q", test.filter, got.String(), test.want)
		}
		if n, err := openReader(t, path).Count(t.Context(), test.filter); n != len(test.want) || err != nil {
			t.Errorf("%+v: counts %d, %v; want %d", test.filter, n, err, len(test.want))
		}
	}
}

// Words are found in any order, whatever their case and accents, and are marked.
// Characters that belong to no word make no difference.
func TestSearch(t *testing.T) {
	path := written(t,
		"alice: Lunch today?", "bob: no lunch for me, no no", "alice: un CAFÉ, s'il te plaît",
		"carol: tomorrow, perhaps; today I can't", "bob: ends\x00lunch behind the end", "alice: \xff lunch \xfe", "bob: ")
	for _, test := range []struct {
		query  string
		filter Filter
		want   []string
	}{
		{"lunch", Filter{}, []string{"<Lunch> today?", "no <lunch> for me, no no", "\xff <lunch> \xfe"}},
		{"lunch", Filter{Before: 2}, []string{"<Lunch> today?"}},
		{"lunch", Filter{After: 1, Before: 6}, []string{"no <lunch> for me, no no"}},
		{"lunch", Filter{After: 1, Last: 1}, []string{"\xff <lunch> \xfe"}},
		{"lunch LUNCH lunch", Filter{Last: 1}, []string{"\xff <lunch> \xfe"}},
		{strings.Repeat("lunch TODAY* ", 300), Filter{}, []string{"<Lunch> <today>?"}},
		{"lunch", Filter{Last: 1}, []string{"\xff <lunch> \xfe"}},
		{"LUNCH", Filter{From: "bob"}, []string{"no <lunch> for me, no no"}},
		{"lunch", Filter{Since: noon.Add(time.Minute)}, []string{"no <lunch> for me, no no", "\xff <lunch> \xfe"}},
		{"today lunch", Filter{}, []string{"<Lunch> <today>?"}},
		{`"today lunch"`, Filter{}, nil},
		{`"lunch today"`, Filter{}, []string{"<Lunch today>?"}},
		{`"lunch tod`, Filter{}, nil},
		{"tod*", Filter{}, []string{"Lunch <today>?", "tomorrow, perhaps; <today> I can't"}},
		{"cafe plait", Filter{}, []string{"un <CAFÉ>, s'il te <plaît>"}},
		{"no", Filter{}, []string{"<no> lunch for me, <no> <no>"}},
		{"can't", Filter{}, []string{"tomorrow, perhaps; today I <can't>"}},
		{"lunch AND NOT ( - : ^", Filter{}, nil},
		{"lunch ( - : ^ ... today", Filter{}, []string{"<Lunch> <today>?"}},
		{"behind", Filter{}, nil},
	} {
		hits, err := openReader(t, path).Search(t.Context(), test.query, test.filter)
		if err != nil {
			t.Fatalf("%q: %v", test.query, err)
		}
		var got []string
		for h, err := range hits {
			if err != nil {
				t.Fatalf("%q: %v", test.query, err)
			}
			shown := ""
			for i, part := range h.Parts {
				if i%2 == 1 {
					part = "<" + part + ">"
				}
				shown += part
			}
			if joined := strings.Join(h.Parts, ""); joined != string(h.Wire.Text()) {
				t.Errorf("%q: the parts are %q of %q", test.query, joined, h.Wire.Text())
			}
			got = append(got, shown)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q %+v:\ngot  %q\nwant %q", test.query, test.filter, got, test.want)
		}
	}
}

func TestSearchForNothing(t *testing.T) {
	r := openReader(t, written(t, "alice: hello"))
	for _, query := range []string{"", " ", "...", `""`, `"`, "*", `"?" * -`} {
		if _, err := r.Search(t.Context(), query, Filter{}); !errors.Is(err, ErrNoWords) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// The size of a query is bounded, however its words are written.
func TestSearchForTooMuch(t *testing.T) {
	r := openReader(t, written(t, "alice: hello"))
	numbers := func(n int, end string) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, "%d%s", i, end)
		}
		return all.String()
	}
	for query, ok := range map[string]bool{
		numbers(maxWords, " "):                true,
		numbers(maxWords+1, " "):              false,
		numbers(maxWords+1, "-"):              false,
		`"` + numbers(maxWords+1, " ") + `"`:  false,
		`"a" ` + numbers(maxWords, "."):       false,
		numbers(maxPrefixes, "* "):            true,
		numbers(maxPrefixes+1, "* "):          false,
		strings.Repeat("e\u0301", maxWords+1): true, // one word
	} {
		if _, err := r.Search(t.Context(), query, Filter{}); ok && err != nil || !ok && !errors.Is(err, ErrTooManyWords) {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// A long search ends with its context, even while it finds nothing.
func TestSearchInterrupted(t *testing.T) {
	path := newFile(t)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	messages := make([]Message, 10_000)
	for i := range messages {
		messages[i] = Message{Sequence: int64(i + 1), Time: noon, Room: "main", From: *alice}
		copy(messages[i].Wire[wire.NameSize:], "b "+strings.Repeat("a ", 223))
	}
	addAll(t, s, messages)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	r := openReader(t, path)
	hits, err := r.Search(ctx, `"`+strings.Repeat("a ", maxWords-1)+`b"`, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, err = range hits {
	}
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
}

// Any query on any text succeeds, finds what the model finds, and the parts of each
// hit make up its text.
func FuzzSearch(f *testing.F) {
	for _, seed := range [][2]string{
		{"lunch", "Lunch today"}, {`"a b" c*`, "a b cd"}, {`NEAR(a b)`, "a"}, {"a:b^", "a"}, {"\xff*", "\xff"}, {"é́", "e"}, {"a\x00b", "a"}, {`"*"`, "*"},
	} {
		f.Add(seed[0], seed[1])
	}
	for _, s := range searches {
		f.Add(s.query, s.text)
	}
	file := newSearchFile(f)
	f.Fuzz(func(t *testing.T, query, text string) {
		if len(text) > wire.TextSize {
			t.Skip("too long")
		}
		before := file.add(t, []string{text})
		for _, lacks := range [][2]int64{{1, 0}, {1, 1}} {
			found := file.find(t, query, before, lacks[0], lacks[1])
			if got, want := len(found) == 1, modelFinds(query, text); got != want {
				t.Errorf("%q in %q: %v, want %v, lacking %v", query, text, got, want, lacks)
			}
		}
	})
}

// Stats counts messages for each person and for each hour of the day.
func TestStats(t *testing.T) {
	t.Setenv("TZ", "UTC")
	var said []string
	for i := range 130 { // from noon to ten past two
		said = append(said, fmt.Sprintf("%s: %d", []string{"alice", "bob", "bob"}[i%3], i))
	}
	r := openReader(t, written(t, said...))
	s, err := r.Stats(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []PersonCount{{"bob", 86}, {"alice", 44}}; s.Messages != 130 || !slices.Equal(s.People, want) {
		t.Errorf("%d messages by %v, want %v", s.Messages, s.People, want)
	}
	first := noon.Local().Hour()
	if s.Hours[first] != 60 || s.Hours[(first+1)%24] != 60 || s.Hours[(first+2)%24] != 10 {
		t.Errorf("by hour: %v", s.Hours)
	}
	if !s.First.Equal(noon) || !s.Last.Equal(noon.Add(129*time.Minute)) {
		t.Errorf("from %v to %v", s.First, s.Last)
	}
	if s, err = r.Stats(t.Context(), Filter{Since: noon.Add(120 * time.Minute)}); err != nil || s.Messages != 10 || s.Hours[(first+2)%24] != 10 || len(s.People) != 2 {
		t.Errorf("since two: %+v, %v", s, err)
	}
	if s, err = r.Stats(t.Context(), Filter{Since: noon.Add(time.Hour * 24)}); err != nil || s.Messages != 0 || !s.First.IsZero() {
		t.Errorf("since tomorrow: %+v, %v", s, err)
	}
}

// While another process writes, a reader sees whole batches only, in order.
func TestReadWhileWriting(t *testing.T) {
	r := newRoom(t, newFile(t), Config{Window: time.Millisecond})
	const batches, each = 100, 50
	readers := make(chan error, 2)
	for range cap(readers) {
		go func() { readers <- followFile(r.path, batches*each) }()
	}
	for b := range batches {
		for i := range each {
			r.add(alice, "alice", fmt.Sprint(b*each+i))
		}
		r.append(time.Now())
	}
	for range cap(readers) {
		if err := <-readers; err != nil {
			t.Error(err)
		}
	}
	r.finish()
	checkFile(t, r.path)
}

// followFile reads a file until it has as many messages as given, and checks them.
func followFile(path string, messages int) error {
	ctx := context.Background()
	r, err := OpenReader(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	for seen := 0; seen < messages; {
		for m, err := range r.Messages(ctx, Filter{After: int64(seen)}) {
			if err != nil {
				return err
			}
			if string(m.Wire.Text()) != fmt.Sprint(seen) {
				return fmt.Errorf("message %d is %q", seen, m.Wire.Text())
			}
			seen++
		}
	}
	return nil
}
