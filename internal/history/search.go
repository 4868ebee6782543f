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
	// Parts are the message's text, up to its first zero byte, cut where matches
	// begin and end: every second part, from the second on, is a match.
	Parts []string
}

// ErrNoWords is what Search returns for a query without a word.
var ErrNoWords = errors.New("there is no word to search for")

const (
	// maxWords is how many words a query has at most.
	maxWords = 100
	// maxPrefixes is how many of them may end in *. Each may match a large part
	// of the history.
	maxPrefixes = 8
)

// ErrTooManyWords is what the error of Search wraps if a query has too many words
// or prefixes.
var ErrTooManyWords = errors.New("too many words to search for")

// Search returns the messages that a filter selects and that contain all words of
// a query, in any order, whatever their case and accents; the oldest message
// first. Words between quotes must follow each other, and a word that ends in *
// matches all words that begin like it. Each hit is valid until the next. If
// reading fails, the error comes last.
func (r *Reader) Search(ctx context.Context, query string, f Filter) (iter.Seq2[*Hit, error], error) {
	match, err := expression(query)
	if err != nil {
		return nil, err
	}
	mark := rand.Text()                    // random, so it is in no text
	where, args := f.where("search.rowid") // by which the index of words is ordered
	args = append([]any{mark, mark, match}, args...)
	statement := "SELECT " + columnsOf("m") + `, highlight(search, 0, ?, ?) FROM search
		JOIN message m ON m.sequence = search.rowid WHERE search MATCH ? AND ` + where
	if !f.Since.IsZero() {
		// Unlike a time, the index of words can use this.
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
// most of what people write is a syntax error. Each word and each quoted phrase
// becomes an FTS5 string, once, so that nothing in it has a special meaning.
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

// hasWord reports whether a text has a character that is indexed.
func hasWord(text string) bool { return strings.ContainsFunc(text, isIndexed) }

func isIndexed(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

// isBetweenWords reports whether a character ends a word. Combining accents don't:
// they belong to the letter before them.
func isBetweenWords(r rune) bool { return !isIndexed(r) && !unicode.IsMark(r) }
