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

// A vocabulary has the words of a language. As in each, few are common and many are
// rare.
type vocabulary struct {
	words   []string
	between string
	zipf    *rand.Zipf
}

// newVocabulary makes words of a number of characters, or one less or more, the
// first of which are the most common.
func newVocabulary(characters []rune, length int, between string) *vocabulary {
	random := rand.New(rand.NewPCG(1, 1))
	v := &vocabulary{make([]string, 20_000), between, rand.NewZipf(random, 1.2, 10, 19_999)}
	common := rand.NewZipf(random, 1.1, 20, uint64(len(characters)-1))
	for i := range v.words {
		for range length + random.IntN(3) - 1 {
			v.words[i] += string(characters[common.Uint64()])
		}
	}
	return v
}

func (v *vocabulary) say(words int) string {
	var text strings.Builder
	for range words {
		text.WriteString(v.words[v.zipf.Uint64()] + v.between)
	}
	return text.String()
}

// characters returns those from one on.
func characters(first rune, n int) []rune {
	all := make([]rune, n)
	for i := range all {
		all[i] = first + rune(i)
	}
	return all
}

var (
	inEnglish  = newVocabulary([]rune("etaoinshrdlucmwfgypbvk"), 5, " ")
	inChinese  = newVocabulary(characters('一', 3500), 2, "")
	inJapanese = newVocabulary(append(characters('あ', 80), characters('一', 1000)...), 3, "")
	inKorean   = newVocabulary(characters('가', 1500), 3, " ")
	inThai     = newVocabulary(characters('ก', 44), 4, "")
	// Half of the messages are English.
	languages = []*vocabulary{inEnglish, inEnglish, inEnglish, inEnglish, inEnglish, inChinese, inChinese, inJapanese, inKorean, inThai}
	emoji     = []string{"👍", "😂", "🎉", "❤️", "🙏", "👩‍💻", "👍🏽", "🇩🇪", "😅", "🚀"}
)

// someText returns a text, a fifth of them with an emoji.
func someText(random *rand.Rand) string {
	text := languages[random.IntN(len(languages))].say(1 + random.IntN(15))
	if random.IntN(5) == 0 {
		text += emoji[random.IntN(len(emoji))]
	}
	return text
}

// pause is the time between two messages.
const pause = 2 * time.Second

// end returns the time of the last of some messages.
func end(messages int) time.Time { return noon.Add(time.Duration(messages) * pause) }

// fill writes messages to a file, as a busy room does.
func fill(b testing.TB, path string, messages int) time.Duration {
	a, err := openRoom(path, Config{Window: time.Millisecond}, RoomConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	random := rand.New(rand.NewPCG(2, 2))
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
			at = at.Add(pause)
			batch[i] = broadcast.Entry{From: from, Time: at}
			copy(batch[i].Message[:], from.Name)
			copy(batch[i].Message[wire.NameSize:], someText(random))
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
	run("search-common", search(b, inEnglish.words[0], last))
	run("search-rare", search(b, inEnglish.words[len(inEnglish.words)/2], last))
	run("search-two", search(b, inEnglish.words[3]+" "+inEnglish.words[40], last))
	rare := inEnglish.words[len(inEnglish.words)/2]
	run("search-part", search(b, rare[1:], last))
	run("search-none", search(b, "nowhere", last))
	run("search-quoted", search(b, `"nowhere"`, last))
	run("search-prefix", search(b, inEnglish.words[0][:2]+"*", last))
	run("search-character", search(b, "一", last))
	run("search-within-common", search(b, inChinese.words[3]+inChinese.words[0], last))
	run("search-within-rare", search(b, inChinese.words[len(inChinese.words)/2], last))
	run("search-repeated", search(b, strings.Repeat("一", 10), last))
	run("search-emoji", search(b, "👍🏽", last))
	run("stats", func(r *Reader) error { _, err := r.Stats(b.Context(), Filter{}); return err })
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

// BenchmarkUpgrade measures how long a server takes to open a file in an older form,
// how long a search takes before it is indexed, and how long it takes to index it:
//
//	SOP_CHAT_HISTORY_SIZES=1000000 go test ./internal/history -run '^$' -bench Upgrade -benchtime 1x
func BenchmarkUpgrade(b *testing.B) {
	messages := 10_000
	if sizes := os.Getenv("SOP_CHAT_HISTORY_SIZES"); sizes != "" {
		if _, err := fmt.Sscan(sizes, &messages); err != nil {
			b.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(2, 2))
	for b.Loop() {
		b.StopTimer()
		path, texts := newFile(b), make([]string, messages)
		for i := range texts {
			texts[i] = someText(random)
		}
		oldFile(b, path, indexedForm-1, texts...)
		before := sizeOf(b, path)
		seconds := func(what string, do func() error) {
			began := time.Now()
			if err := do(); err != nil {
				b.Fatal(what, err)
			}
			b.ReportMetric(time.Since(began).Seconds(), what+"-s")
		}
		b.StartTimer()
		var a *opened
		seconds("open", func() (err error) { a, err = openRoom(path, Config{}, RoomConfig{}); return err })
		r, err := OpenReader(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		seconds("search-common", func() error { return search(b, inEnglish.words[0], Filter{Last: 50})(r) })
		seconds("search-none", func() error { return search(b, "nowhere", Filter{Last: 50})(r) })
		r.Close()
		longest := time.Duration(0)
		seconds("index", func() error {
			for {
				began := time.Now()
				n, err := a.store.file.indexSome()
				if longest = max(longest, time.Since(began)); err != nil || n == 0 {
					return err
				}
			}
		})
		b.ReportMetric(longest.Seconds(), "longest-s")
		a.store.seal()
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(before)/float64(messages), "B/message-before")
		b.ReportMetric(float64(sizeOf(b, path))/float64(messages), "B/message")
	}
}
