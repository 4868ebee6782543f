package history

import (
	"context"
	"crypto/rand"
	"errors"
	"iter"
	"strings"
	"unicode"
)

// A Hit is a message that was found.
type Hit struct {
	Message
	// Parts are the message's text, up to its first zero byte, cut where what
	// was looked for begins and ends: every second part, from the second on, is
	// that.
	Parts []string
}

// ErrNoWords is what Search returns for a query without a word.
var ErrNoWords = errors.New("there is no word to search for")

// Search returns the messages that a filter means and in which all words of a
// query are found, in any order, whatever their case and accents; the oldest
// message first. Words between quotes have to follow each other, and a word
// that ends in * stands for all that begin like it. Each hit is valid until the
// next. If reading fails, the error comes last.
func (r *Reader) Search(ctx context.Context, query string, f Filter) (iter.Seq2[*Hit, error], error) {
	match := expression(query)
	if match == "" {
		return nil, ErrNoWords
	}
	mark := rand.Text() // nobody can have written it into a text
	where, args := f.where()
	args = append([]any{mark, mark, match}, args...)
	statement := "SELECT " + columnsOf("m") + `, highlight(search, 0, ?, ?) FROM search
		JOIN message m ON m.sequence = search.rowid WHERE search MATCH ? AND ` + where
	if !f.Since.IsZero() {
		// This the index of words can use, unlike a time.
		statement += " AND search.rowid >= (SELECT min(sequence) FROM message INDEXED BY message_time WHERE time >= ?)"
		args = append(args, f.Since.UnixNano())
	}
	statement += " ORDER BY search.rowid"
	if f.Last > 0 {
		statement = "SELECT * FROM (" + statement + " DESC LIMIT ?) ORDER BY sequence"
		args = append(args, f.Last)
	}
	return each(ctx, r.file, statement, args, func(h *Hit, row row) error {
		var marked string
		err := h.scanMore(row, &marked)
		h.Parts = strings.Split(marked, mark)
		return err
	}), nil
}

func columnsOf(table string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}

// expression translates a query into the language of SQLite's FTS5, in which
// hardly anything people write is valid: words and quoted phrases, each as an
// FTS5 string, which means nothing else. It is empty if there are none.
func expression(query string) string {
	var terms []string
	query = strings.ReplaceAll(query, "\x00", " ") // would end the string for SQLite
	for i, part := range strings.Split(query, `"`) {
		isPhrase := i%2 == 1
		words := []string{part}
		if !isPhrase {
			words = strings.Fields(part)
		}
		for _, word := range words {
			term, isPrefix := strings.CutSuffix(word, "*")
			if !hasWord(term) {
				continue
			}
			term = `"` + term + `"`
			if isPrefix {
				term += "*"
			}
			terms = append(terms, term)
		}
	}
	return strings.Join(terms, " ")
}

// hasWord reports whether a text has something in it that is indexed.
func hasWord(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
	}) >= 0
}
