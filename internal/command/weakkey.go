package command

import (
	_ "embed"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"sop-chat/internal/rooms"
)

// warnOfWeakKeys warns of the keys of rooms that are guessed soon, if other machines
// can try. It names the first of the rooms, unless that has no name.
func warnOfWeakKeys(out io.Writer, all []rooms.Room, reachable bool) {
	weak := havingKey(all, func(key string) bool { return weakness(key) != "" })
	if len(weak) == 0 || !reachable {
		return
	}
	first, why := weak[0].Name, weakness(weak[0].Key)
	which := fmt.Sprintf("the key is weak (%s) and soon guessed", why)
	if n := len(weak); n > 1 {
		which = fmt.Sprintf("the keys of %d rooms are weak and soon guessed, such as that of %q (%s)", n, first, why)
	} else if first != "" {
		which = fmt.Sprintf("the key of the room %q is weak (%s) and soon guessed", first, why)
	}
	fmt.Fprintf(out, "sop-chat: %s; take four random words, or openssl rand -hex 8\n", which)
}

// othersReach reports whether other machines can reach the server, directly or
// through a proxy.
func othersReach(bound []netip.Addr, proxied bool) bool {
	return proxied || slices.ContainsFunc(bound, func(a netip.Addr) bool { return !a.IsLoopback() })
}

const shortKey = 8 // characters; a shorter key is weak

// weakness says in a few words why a key is guessed in seconds; "" if it is not. An
// empty key is not called weak, because --allow-empty-key asks for it.
func weakness(key string) string {
	switch plain := plainWord(key); {
	case key == "":
		return ""
	case utf8.RuneCountInString(key) < shortKey:
		return fmt.Sprintf("fewer than %d characters", shortKey)
	case !strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsDigit(r) && !unicode.IsPunct(r) && !unicode.IsSpace(r) }):
		return "digits only"
	case isRepetition(key) || isRun(strings.ToLower(key)):
		return "a pattern"
	case commonWords()[plain]:
		return "a common word"
	}
	return ""
}

// plainWord returns a key as it would be in a list of words: in lower case, without
// the digits and punctuation that are often put around a word or in place of
// letters.
func plainWord(key string) string {
	isOrnament := func(r rune) bool { return !unicode.IsLetter(r) }
	word := strings.ToLower(strings.TrimRightFunc(key, isOrnament))
	letters := strings.NewReplacer("0", "o", "1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")
	return strings.TrimFunc(letters.Replace(word), isOrnament)
}

// isRepetition reports whether a key repeats a part of at most four bytes.
func isRepetition(key string) bool {
	for n := 1; n <= 4 && 2*n <= len(key); n++ {
		if key[n:] == key[:len(key)-n] {
			return true
		}
	}
	return false
}

// isRun reports whether a key is a part of the alphabet or of a row of keys,
// forwards or backwards.
func isRun(key string) bool {
	const runs = "abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm qwertzuiopasdfghjklyxcvbnm " +
		"azertyuiopqsdfghjklmwxcvbn 1q2w3e4r5t6y7u8i9o0p 1qaz2wsx3edc4rfv5tgb6yhn abc123456789 a1b2c3d4e5f6g7h8 qwerty1234567890"
	backwards := []rune(key)
	slices.Reverse(backwards)
	return strings.Contains(runs, key) || strings.Contains(runs, string(backwards))
}

//go:embed weakkeys.txt
var weakKeys string

// commonWords returns the words that are guessed first: those of eight letters and
// more, since shorter keys are weak anyway, and short ones that are often extended.
var commonWords = sync.OnceValue(func() map[string]bool {
	words := make(map[string]bool)
	for word := range strings.FieldsSeq(weakKeys) {
		words[word] = true
	}
	return words
})
