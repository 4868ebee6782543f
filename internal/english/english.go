// Package english chooses the forms of nouns and verbs that belong to a number.
package english

import (
	"fmt"
	"strings"
)

// An integer is a number of things.
type integer interface {
	~int | ~int64 | ~uint64
}

// Count returns a number and its noun: "1 message", "2 messages".
func Count[N integer](n N, singular string) string {
	return fmt.Sprintf("%d ", n) + Noun(n, singular)
}

// Last returns "the last message", or "the last 2 messages".
func Last[N integer](n N, singular string) string {
	if n == 1 {
		return "the last " + singular
	}
	return "the last " + Count(n, singular)
}

// Noun returns the form of a noun that belongs to a number.
func Noun[N integer](n N, singular string) string {
	stem, isY := strings.CutSuffix(singular, "y")
	switch {
	case n == 1:
		return singular
	case singular == "person":
		return "people"
	case isY && !strings.ContainsAny(stem[len(stem)-1:], "aeou"):
		return stem + "ies"
	}
	return singular + "s"
}

// Are returns "is" or "are".
func Are[N integer](n N) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// Were returns "was" or "were".
func Were[N integer](n N) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// Have returns "has" or "have".
func Have[N integer](n N) string {
	if n == 1 {
		return "has"
	}
	return "have"
}
