package history

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// words are the vocabulary of the benchmarks' messages. As in a language, few of
// them are common and many are rare.
var words = func() []string {
	random := rand.New(rand.NewPCG(1, 1))
	all := make([]string, 20_000)
	for i := range all {
		letters := make([]byte, 2+random.IntN(9))
		for j := range letters {
			letters[j] = "etaoinshrdlucmwfgypbvk"[random.IntN(22)]
		}
		all[i] = string(letters)
	}
	return all
}()

// pause is the time between two messages.
const pause = 2 * time.Second

// end returns the time of the last of some messages.
func end(messages int) time.Time { return noon.Add(time.Duration(messages) * pause) }

// fill writes messages to a file, as a busy room does.
func fill(b testing.TB, path string, messages int) time.Duration {
	a, err := Open(path, Config{Room: "main", Window: time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	random := rand.New(rand.NewPCG(2, 2))
	zipf := rand.NewZipf(random, 1.2, 10, uint64(len(words)-1))
	people := make([]*broadcast.Sender, 20)
	for i := range people {
		people[i] = &broadcast.Sender{Name: fmt.Sprint("person ", i), Addr: alice.Addr}
	}
	at, took := noon, time.Duration(0)
	entries := make([]broadcast.Entry, batchSize)
	for done := 0; done < messages; {
		batch := entries[:min(batchSize, messages-done)]
		for i := range batch {
			from := people[random.IntN(len(people))]
			var text strings.Builder
			for range 1 + random.IntN(15) {
				text.WriteString(words[zipf.Uint64()] + " ")
			}
			at = at.Add(pause)
			batch[i] = broadcast.Entry{From: from, Time: at}
			copy(batch[i].Message[:], from.Name)
			copy(batch[i].Message[wire.NameSize:], text.String())
		}
		began := time.Now()
		if err := a.write(batch); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
		done += len(batch)
	}
	return took
}

// BenchmarkSize measures how fast messages are written, how large the file gets,
// and how long queries take then. docs/history.md has its results:
//
//	SOP_CHAT_HISTORY_SIZES=10000,100000,1000000 go test ./internal/history -run '^$' -bench Size -benchtime 20x
func BenchmarkSize(b *testing.B) {
	sizes := os.Getenv("SOP_CHAT_HISTORY_SIZES")
	if sizes == "" {
		sizes = "10000"
	}
	for size := range strings.SplitSeq(sizes, ",") {
		var messages int
		if _, err := fmt.Sscan(size, &messages); err != nil {
			b.Fatal(err)
		}
		benchmarkSize(b, messages)
	}
}

func benchmarkSize(b *testing.B, messages int) {
	path := newFile(b)
	took := fill(b, path, messages)
	about, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	run := func(what string, do func(*Reader) error) {
		b.Run(fmt.Sprintf("%d/%s", messages, what), func(b *testing.B) {
			for b.Loop() {
				r, err := OpenReader(b.Context(), path) // as a command does
				if err == nil {
					err = do(r)
				}
				if err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
			if what == "list" {
				b.ReportMetric(float64(messages)/took.Seconds(), "messages/s")
				b.ReportMetric(float64(about.Size())/float64(messages), "B/message")
			}
		})
	}
	last := Filter{Last: 50}
	run("list", list(b, last))
	run("list-from", list(b, Filter{Last: 50, From: "person 7"}))
	run("list-since", list(b, Filter{Since: end(messages).Add(-time.Hour)}))
	run("search-common", search(b, words[0], last))
	run("search-rare", search(b, words[len(words)/2], last))
	run("search-two", search(b, words[3]+" "+words[40], last))
	run("search-prefix", search(b, words[0][:2]+"*", last))
	run("stats", func(r *Reader) error { _, err := r.Stats(b.Context(), time.Time{}); return err })
}

func list(b *testing.B, f Filter) func(*Reader) error {
	return func(r *Reader) error {
		for _, err := range r.Messages(b.Context(), f) {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func search(b *testing.B, query string, f Filter) func(*Reader) error {
	return func(r *Reader) error {
		hits, err := r.Search(b.Context(), query, f)
		if err != nil {
			return err
		}
		for _, err := range hits {
			if err != nil {
				return err
			}
		}
		return nil
	}
}
