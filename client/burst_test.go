package client

import (
	"strings"
	"testing"
)

// What a client has received is known again in a replay, also behind a greeting that is the
// same as before; and nothing else is taken for known.
func TestKnownAgain(t *testing.T) {
	messages := func(texts string) (all []Message) {
		for text := range strings.FieldsSeq(texts) {
			name := "server"
			if strings.HasPrefix(text, "me:") {
				name = "alice"
			}
			all = append(all, Message{Name: name, Text: text})
		}
		return all
	}
	for _, test := range []struct {
		what, first, then, again string
		want                     int
	}{
		{"nothing before", "", "", "a b", 0},
		{"no greeting", "a b", "c d", "b c d e", 3},
		{"no greeting, nothing new", "a b", "", "a b", 2},
		{"a greeting", "welcome a b", "c d", "welcome c d e", 3},
		{"a greeting of several", "welcome in a", "b c", "welcome in b c d", 4},
		{"a greeting, and nothing new", "welcome a", "b", "welcome b", 2},
		{"a greeting alone", "welcome", "a b", "welcome", 0}, // what follows would tell it from what was said
		{"a greeting, and all is new", "welcome a", "b", "welcome c d", 0},
		{"another greeting", "welcome a", "b c", "hello b c", 0},
		{"what came first is said again", "a b", "c", "a x y", 0},
		{"one's own between", "welcome me:1 a", "b", "welcome a me:1 b c", 3},
	} {
		var r record
		r.known(messages(test.first), "alice")
		for _, m := range messages(test.first + " " + test.then) {
			if !isUnder(m, "alice") {
				r.add(m)
			}
		}
		if got := r.known(messages(test.again), "alice"); got != test.want {
			t.Errorf("%s: %d are known, want %d", test.what, got, test.want)
		}
	}
}
