package tomlfile

import "strings"

// Similar returns the word that a mistyped one is likely to stand for; "" if none
// is. One that has the same beginning is similar too, and one that has it as a part.
func Similar(mistyped string, words []string) string {
	mistyped = strings.ToLower(strings.ReplaceAll(mistyped, "_", "-"))
	best, least := "", 3
	for _, word := range words {
		if d := distance(mistyped, word); d < least && strings.HasPrefix(mistyped, word[:1]) {
			best, least = word, d
		}
	}
	if best != "" {
		return best
	}
	const telling = 3 // fewer letters say too little
	for _, word := range words {
		if len(mistyped) >= telling && (word[:telling] == mistyped[:telling] || strings.Contains(word, mistyped)) {
			return word
		}
	}
	return ""
}

// distance returns how many bytes have to be inserted, removed or replaced to turn a
// into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // from the beginning of a that was looked at, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
