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

// words are what the benchmarks' messages consist of: few that are said all the
// time, and many that hardly ever are, as in a language.
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

// fill writes messages to a file, as a room does that never pauses.
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
			at = at.Add(time.Duration(random.IntN(int(2 * time.Second))))
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

// How fast messages are written, how large the file gets, and how long it then
// takes to find something in it: docs/history.md shows the result of
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
		path := newFile(b)
		b.Run(size+"/append", func(b *testing.B) {
			for range b.N {
				os.Remove(path)
				took := fill(b, path, messages)
				about, err := os.Stat(path)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(messages)/took.Seconds(), "messages/s")
				b.ReportMetric(float64(about.Size())/float64(messages), "B/message")
				b.ReportMetric(float64(about.Size())/1e6, "MB")
			}
		})
	}
}
