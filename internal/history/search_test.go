package history

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
	"pgregory.net/rapid"

	"sop-chat/internal/wire"
)

// A file that all texts are written to. Messages are found by the index, and one by
// one where it lacks them.
type searchFile struct {
	store  *store
	reader *Reader
	last   int64
}

func newSearchFile(t testing.TB) *searchFile {
	path := newFile(t)
	s, _, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return &searchFile{store: s, reader: openReader(t, path)}
}

// add adds messages, and returns the sequence of the last one before them.
func (f *searchFile) add(t rapid.TB, texts []string) (before int64) {
	before = f.last
	messages := make([]Message, len(texts))
	for i, text := range texts {
		f.last++
		messages[i] = Message{Sequence: f.last, Time: noon, Room: "main", From: *alice}
		copy(messages[i].Wire[wire.NameSize:], text)
	}
	for i := range messages {
		messages[i].Number = messages[i].Sequence
	}
	if _, err := f.store.add(messages, before); err != nil {
		t.Fatal(err)
	}
	return before
}

// find returns which messages after one a search finds, by their place, with their
// parts. The index lacks those between two places.
func (f *searchFile) find(t rapid.TB, query string, before, first, last int64) map[int]string {
	for _, statement := range []string{"DELETE FROM unindexed", "INSERT INTO unindexed SELECT ?1, ?2 WHERE ?1 <= ?2"} {
		if _, err := f.store.file.exec(statement, before+first, before+last); err != nil {
			t.Fatal(err)
		}
	}
	found := make(map[int]string)
	hits, err := f.reader.Search(context.Background(), query, Filter{After: before})
	if errors.Is(err, ErrNoWords) || errors.Is(err, ErrTooManyWords) {
		return found
	}
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	for h, err := range hits {
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		if joined := strings.Join(h.Parts, ""); joined != string(h.Wire.Text()) || len(h.Parts)%2 == 0 || len(h.Parts) < 3 {
			t.Fatalf("%q: %q is cut into %q", query, h.Wire.Text(), h.Parts)
		}
		found[int(h.Sequence-before-1)] = marked(h.Parts)
	}
	return found
}

// The whole table of searches, over all of its texts at once: those that are found
// are the same with an index, without, and with one that lacks some messages.
func TestSearchAll(t *testing.T) {
	f := newSearchFile(t)
	var texts []string
	for _, s := range searches {
		texts = append(texts, s.text)
	}
	before := f.add(t, texts)
	n := int64(len(texts))
	for i, s := range searches {
		want := make(map[int]bool)
		for j, text := range texts {
			if modelFinds(s.query, text) {
				want[j] = true
			}
		}
		if want[i] != (s.want != "") {
			t.Errorf("%q in %q: the model finds it: %v", s.query, s.text, want[i])
		}
		for _, lacks := range [][2]int64{{1, 0}, {1, n}, {n / 3, n / 2}, {1, n / 2}, {n / 2, n}} {
			found := f.find(t, s.query, before, lacks[0], lacks[1])
			if found[i] != s.want {
				t.Errorf("%q in %q: %q, want %q, lacking %v", s.query, s.text, found[i], s.want, lacks)
			}
			if got, want := slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
				t.Errorf("%q: %v, want %v, lacking %v", s.query, got, want, lacks)
			}
		}
	}
}

// Any search of any texts finds what the model finds.
func TestSearchModel(t *testing.T) {
	f := newSearchFile(t)
	// Few words, so that searches find some.
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			"a", "b", "ab", "A", "e", "\u0301", "é", "É", "ß", "ss", "s", "İ", "i", "ı", "I", "σ", "ς", "Σ", "æ", "1", "²", "½",
			"重", "跑", "후", "한", "ᄒ", "ᅡ", "ᆫ", "か", "が", "\u3099", "カ", "ｶ", "ﾞ", "ー", "㌔", "ก", "ข้", "้", "ำ", "م", "ح", "\u064e", "ـ", "अ", "ि", "्",
			"👍", "🏽", "\u200d", "💻", "🇩", "🇪", "❤", "\ufe0f", "€", "→", "\u00ad", "\u200b", "\u200c", "\ufffd", "\xff", "\xe9", "ﬁ", "ﷺ", "﷽",
			" ", " ", " ", "-", "_", "'", ".", "\n", "\t", "。", "、", "\"", "*", "\x00",
		}),
		rapid.StringN(0, 2, -1),
	)
	sequence := func(least, most int) *rapid.Generator[string] {
		return rapid.Map(rapid.SliceOfN(piece, least, most), func(all []string) string { return strings.Join(all, "") })
	}
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(sequence(0, 12), 1, 8).Draw(t, "texts")
		query := sequence(1, 4).Draw(t, "query")
		want := make([]int, 0)
		for i, text := range texts {
			if len(text) > wire.TextSize {
				texts[i], text = "", ""
			}
			if modelFinds(query, text) {
				want = append(want, i)
			}
		}
		before := f.add(t, texts)
		first := rapid.Int64Range(1, int64(len(texts))).Draw(t, "first")
		last := rapid.Int64Range(0, int64(len(texts))).Draw(t, "last")
		for _, lacks := range [][2]int64{{1, 0}, {1, int64(len(texts))}, {first, last}} {
			if got := slices.Sorted(maps.Keys(f.find(t, query, before, lacks[0], lacks[1]))); !slices.Equal(got, want) {
				t.Fatalf("%q finds %v of %q, want %v, lacking %v", query, got, texts, want, lacks)
			}
		}
	})
}

// modelFinds reports whether a query finds a text: a text is its words between
// slashes, and has a phrase if it contains that. Without the slash at its beginning or
// end, the phrase is also found within words.
func modelFinds(query, text string) bool {
	text, _, _ = strings.Cut(text, "\x00")
	return modelFindsIn(query, modelWords(text))
}

func modelFindsIn(query, in string) bool {
	some := false
	for i, part := range strings.Split(query, `"`) {
		phrases := []string{part}
		if i%2 == 0 {
			phrases = strings.Fields(part)
		}
		for _, p := range phrases {
			p, isPrefix := strings.CutSuffix(p, "*")
			words := modelWords(p)
			if words == "" {
				continue
			}
			each := strings.Split(strings.Trim(words, "/"), "/")
			last, _ := lastRune(words)
			isPrefix = isPrefix && !modelIsSingle(last)
			isWhole := i%2 == 1 || isPrefix
			if !isWhole && len([]rune(each[0])) >= 3 {
				words = strings.TrimPrefix(words, "/")
			}
			if isPrefix || !isWhole && len([]rune(each[len(each)-1])) >= 3 {
				words = strings.TrimSuffix(words, "/")
			}
			if some = true; !strings.Contains(in, words) {
				return false
			}
		}
	}
	return some
}

func lastRune(words string) (last rune, any bool) {
	for _, r := range strings.TrimSuffix(words, "/") {
		last, any = r, true
	}
	return last, any
}

// modelSingles are the characters that are words by themselves because of their
// script.
var modelSingles = func() *unicode.RangeTable {
	var all []rune
	for _, name := range []string{
		"Han", "Hiragana", "Katakana", "Bopomofo", "Hangul", "Yi", "Thai", "Lao", "Khmer", "Myanmar", "Javanese", "Balinese",
		"Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet",
	} {
		rangetable.Visit(unicode.Scripts[name], func(r rune) {
			if unicode.In(r, unicode.L, unicode.N, unicode.M) {
				all = append(all, r)
			}
		})
	}
	return rangetable.New(append(all, 'ー', '〆')...)
}()

// modelWords needs these for each character. To make them takes longer than to use them.
var (
	modelFold    = cases.Fold()
	modelLetters = strings.NewReplacer("ı", "i", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ħ", "h", "ŧ", "t")
)

// modelWords returns the words of a text, with a slash before, between and after.
func modelWords(text string) string {
	var folded strings.Builder
	for _, r := range norm.NFKC.String(text) {
		switch {
		case r == unicode.ReplacementChar, r == '\u200b':
			folded.WriteByte('/')
		case modelIsSingle(r):
			folded.WriteString("/" + string(r) + "/")
		default:
			bare := strings.Map(func(r rune) rune {
				if modelIsIgnored(r) {
					return -1
				}
				return r
			}, norm.NFD.String(string(r)))
			for _, r := range modelFold.String(bare) {
				switch {
				case unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.Co):
					folded.WriteString(modelLetters.Replace(string(r)))
				default:
					folded.WriteByte('/')
				}
			}
		}
	}
	words := strings.FieldsFunc(folded.String(), func(r rune) bool { return r == '/' })
	if len(words) == 0 {
		return ""
	}
	return "/" + strings.Join(words, "/") + "/"
}

func modelIsSingle(r rune) bool {
	return unicode.Is(modelSingles, r) || r > unicode.MaxASCII && r != unicode.ReplacementChar && unicode.In(r, unicode.S)
}

func modelIsIgnored(r rune) bool {
	scripts := []*unicode.RangeTable{unicode.Inherited, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew, unicode.Syriac}
	return r == 'ـ' || unicode.In(r, unicode.Cf, unicode.Me) || unicode.Is(unicode.Mn, r) && unicode.In(r, scripts...)
}
