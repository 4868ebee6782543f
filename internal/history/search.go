package history

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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

// A query has so many words at most, and so many of them that end in *, each of
// which may stand for a good part of all that was said.
const (
	maxWords    = 100
	maxPrefixes = 8
)

// ErrTooManyWords is what the error of Search wraps if a query has more than it
// may have.
var ErrTooManyWords = errors.New("too many words to search for")

// Search returns the messages that a filter means and in which all words of a
// query are found, in any order, whatever their case and accents; the oldest
// message first. Words between quotes have to follow each other, and a word
// that ends in * stands for all that begin like it. Each hit is valid until the
// next. If reading fails, the error comes last.
func (r *Reader) Search(ctx context.Context, query string, f Filter) (iter.Seq2[*Hit, error], error) {
	match, err := expression(query)
	if err != nil {
		return nil, err
	}
	mark := rand.Text()                    // nobody can have written it into a text
	where, args := f.where("search.rowid") // by which the index of words is ordered
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
// FTS5 string, which means nothing else, and each once.
func expression(query string) (string, error) {
	var terms []string
	words, prefixes := 0, 0
	seen := make(map[string]bool)
	query = strings.ReplaceAll(query, "\x00", " ") // would end the string for SQLite
	for i, part := range strings.Split(query, `"`) {
		isPhrase := i%2 == 1
		parts := []string{part}
		if !isPhrase {
			parts = strings.Fields(part)
		}
		for _, part := range parts {
			same := strings.ToLower(part)
			term, isPrefix := strings.CutSuffix(part, "*")
			if !hasWord(term) || seen[same] {
				continue
			}
			seen[same] = true
			words += len(strings.FieldsFunc(term, isBetweenWords))
			term = `"` + term + `"`
			if isPrefix {
				prefixes++
				term += "*"
			}
			terms = append(terms, term)
		}
	}
	switch {
	case words == 0:
		return "", ErrNoWords
	case words > maxWords:
		return "", fmt.Errorf("%w: %d, and %d is the most", ErrTooManyWords, words, maxWords)
	case prefixes > maxPrefixes:
		return "", fmt.Errorf("%w: %d end in *, and %d is the most", ErrTooManyWords, prefixes, maxPrefixes)
	}
	return strings.Join(terms, " "), nil
}

// hasWord reports whether a text has something in it that is indexed.
func hasWord(text string) bool { return strings.ContainsFunc(text, isIndexed) }

func isIndexed(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

// isBetweenWords reports whether a character ends a word: accents that stand
// alone belong to the letter before them.
func isBetweenWords(r rune) bool { return !isIndexed(r) && !unicode.IsMark(r) }
