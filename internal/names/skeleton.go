// Package names says which names of users look alike, so that nobody can pass for
// another: alice, Alice, аlice with a Cyrillic letter, a1ice and "al ice" do.
//
// It knows characters and nothing else: no rooms, and not who is in them.
package names

import (
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/unicode/norm"
)

// Skeletons returns what is left of a name when all is taken away that the eye may miss.
// Two names look alike if they have a skeleton in common. There are two, which mostly are
// the same: characters resemble others as they are, and in lower case. So I is like l, as
// in aIice, and like i, but i is not like l. It takes a microsecond for most names, and a
// fifth of a millisecond for the worst that fits a message.
//
// Each is the skeleton of Unicode's technical standard 39, made of a name without
// controls, blanks and ignorable characters, in which all characters have their
// compatibility form (NFKD) and lower case. Bytes that are not UTF-8 differ from each
// other, and from all characters but 256 for private use.
func Skeletons(name string) []string {
	shown := reduce(name)
	if lower := lowerCase(name); lower != name {
		if other := reduce(lower); other != shown {
			return []string{shown, other}
		}
	}
	return []string{shown}
}

// reduce returns the skeleton of a name.
func reduce(name string) string {
	b := make([]byte, 0, 2*len(name))
	for s := norm.NFD.String(name); s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if isByte := r == utf8.RuneError && size == 1; isByte {
			b = utf8.AppendRune(b, bytesFrom+rune(s[0]))
		} else {
			b = appendReduced(b, r)
		}
		s = s[size:]
	}
	return string(norm.NFD.Bytes(b)) // puts marks in order
}

// bytesFrom is the first of 256 characters for private use, by which skeletons have bytes
// that are not UTF-8. As they are, two could become a character when what is between them
// is left out.
const bytesFrom = 0x10ff00

// appendReduced appends what stands for all characters that look like r, or nothing if
// nobody sees it.
func appendReduced(b []byte, r rune) []byte {
	if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(Invisible, r) {
		return b
	}
	next := replacement(r)
	if next == "" {
		return utf8.AppendRune(b, r)
	}
	for _, r := range next {
		b = appendReduced(b, r)
	}
	return b
}

// replacement returns what r is replaced by; "" if it stays.
func replacement(r rune) string {
	if prototype := confusable.GetReplacement(r); prototype != "" {
		return prototype
	}
	if r >= utf8.RuneSelf {
		if isSyllable := r >= 0xac00 && r <= 0xd7a3; isSyllable { // of Hangul, which have no entry of their own
			return norm.NFD.String(string(r))
		}
		if form := norm.NFKD.PropertiesString(string(r)).Decomposition(); len(form) > 0 {
			return string(form)
		}
	}
	if lower := fold(r); lower != r && confusable.GetReplacement(lower) != string(r) { // or that goes round
		return string(lower)
	}
	return ""
}

// lowerCase returns a name in its compatibility form, in lower case.
func lowerCase(name string) string {
	b := make([]byte, 0, 2*len(name))
	for s := norm.NFKD.String(name); s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError {
			b = append(b, s[:size]...)
		} else {
			b = utf8.AppendRune(b, fold(r))
		}
		s = s[size:]
	}
	return string(b)
}

// fold returns the lower case of a letter, which is the same for all its cases.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
