package history

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// What a search finds are words, and the same code finds them in messages and in
// queries. SQLite's own tokenizers find none within a sentence of Chinese or Thai,
// and take emoji for punctuation.

// A word is a part of a text that can be searched for: letters and digits that
// follow each other, one character of a script that is written without blanks, or
// one symbol.
type word struct {
	start, end int  // where it is in the text, in bytes
	from, to   int  // where its folded form is in words.folded
	isSingle   bool // it is one character, whatever is beside it
}

// words are those of a text, in order. The zero value has none.
type words struct {
	all     []word
	folded  []byte // without case, accents, and other forms of the same letters
	open    bool   // the last word goes on
	traces  bool   // split keeps sources
	sources []span // where each byte of folded comes from in the text
}

// at returns the folded form of a word. It is valid until the next split.
func (w *words) at(i int) []byte { return w.folded[w.all[i].from:w.all[i].to] }

// terms returns the folded forms of all words, with blanks between them. SQLite's
// tokenizer ascii splits that again, since it splits nothing outside ASCII.
func (w *words) terms() string {
	b := make([]byte, 0, len(w.folded)+len(w.all))
	for i := range w.all {
		b = append(append(b, w.at(i)...), ' ')
	}
	return string(b)
}

// split replaces w by the words of a text.
func (w *words) split(text string) {
	w.all, w.folded, w.open, w.sources = w.all[:0], w.folded[:0], false, w.sources[:0]
	for at := 0; at < len(text); {
		for normal := at + norm.NFKC.QuickSpanString(text[at:]); at < normal; {
			if c := text[at]; c < utf8.RuneSelf {
				w.addASCII(c, at)
				at++
				continue
			}
			r, size := utf8.DecodeRuneInString(text[at:])
			w.add(r, at, at+size)
			at += size
		}
		if at < len(text) {
			end := at + norm.NFKC.NextBoundaryInString(text[at:], true)
			for _, r := range norm.NFKC.String(text[at:end]) {
				w.add(r, at, end)
			}
			at = end
		}
	}
}

func (w *words) addASCII(c byte, at int) {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
	case 'A' <= c && c <= 'Z':
		c += 'a' - 'A'
	default:
		w.open = false
		return
	}
	w.extend(at, at+1)
	w.folded = append(w.folded, c)
	w.folds(at, at+1)
}

// add adds a character in the form NFKC, which the text has from start to end in
// any form.
func (w *words) add(r rune, start, end int) {
	switch {
	case r == utf8.RuneError: // no character
		w.open = false
		return
	case isUnspaced(r), r > unicode.MaxASCII && unicode.IsSymbol(r):
		w.open = false
		w.extend(start, end)
		w.folded = utf8.AppendRune(w.folded, r)
		w.folds(start, end)
		w.all[len(w.all)-1].isSingle = true
		w.open = false
	case isIgnored(r):
		return
	case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) || unicode.Is(unicode.Co, r):
		w.extend(start, end)
		w.fold(r)
		w.folds(start, end)
	default:
		w.open = false
	}
}

// extend adds a part of the text to the last word, or begins another.
func (w *words) extend(start, end int) {
	if !w.open {
		w.all = append(w.all, word{start: start, from: len(w.folded)})
		w.open = true
	}
	w.all[len(w.all)-1].end = end
}

// folds notes that the folded form of the last word goes on to here, with a part of
// the text.
func (w *words) folds(start, end int) {
	w.all[len(w.all)-1].to = len(w.folded)
	for w.traces && len(w.sources) < len(w.folded) {
		w.sources = append(w.sources, span{start, end})
	}
}

// fold adds the folded form of a letter.
func (w *words) fold(r rune) {
	var letter [utf8.UTFMax]byte
	parts := letter[:utf8.EncodeRune(letter[:], r)]
	if apart := norm.NFD.Properties(parts).Decomposition(); apart != nil {
		parts = apart
	}
	for len(parts) > 0 {
		r, size := utf8.DecodeRune(parts)
		parts = parts[size:]
		if isIgnored(r) {
			continue
		}
		r = unicode.ToLower(unicode.ToUpper(r)) // makes ς σ, and ı i
		if other, is := unaccented[r]; is {
			w.folded = append(w.folded, other...)
		} else {
			w.folded = utf8.AppendRune(w.folded, r)
		}
	}
}

// unaccented has letters that Unicode does not decompose.
var unaccented = map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ħ': "h", 'ŧ': "t"}

// unspaced has the scripts without blanks between words, or, as Korean, between a
// word and what is appended to it.
var unspaced = rangetable.Merge(
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Bopomofo, unicode.Hangul, unicode.Yi,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Javanese, unicode.Balinese,
	unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet, rangetable.New('ー', '〆'),
)

// isUnspaced reports whether a character is a word by itself because of its script.
func isUnspaced(r rune) bool {
	switch {
	case r < 0x0e00:
		return false
	case r >= 0x4e00 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3: // nearly all, without looking them up
		return true
	}
	return unicode.Is(unspaced, r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// isIgnored reports whether a character makes no difference: accents and vowel
// points, and what is invisible. Marks of other scripts are vowels without which a
// word is another one.
func isIgnored(r rune) bool {
	const tatweel, zeroWidthSpace = 'ـ', '\u200b'
	switch {
	case r < 0xad:
		return false
	case unicode.Is(unicode.Mn, r):
		return unicode.In(r, unicode.Inherited, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew, unicode.Syriac)
	}
	return unicode.In(r, unicode.Cf, unicode.Me) && r != zeroWidthSpace || r == tatweel
}
