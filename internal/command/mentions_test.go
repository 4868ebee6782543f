package command

import (
	"slices"
	"strings"
	"testing"
)

// Each line is a name and an address.
func TestMentionList(t *testing.T) {
	var l mentionList
	for _, text := range []string{"alice=https://example.com/hook?a=b", "bob=http://127.0.0.1:8080/\r\n\nżółw w=https://example.com\n"} {
		if err := l.Set(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	want := mentionList{{"alice", "https://example.com/hook?a=b"}, {"bob", "http://127.0.0.1:8080/"}, {"żółw w", "https://example.com"}}
	if !slices.Equal(l, want) {
		t.Errorf("got %q, want %q", l, want)
	}
	for _, text := range []string{"alice", "=https://example.com/secret", "alice=secret", "alice=ftp://example.com/secret", "alice=https:///secret", "alice=https://e/#secret", "alice=https://e:x/secret"} {
		if err := l.Set(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error is %v, want one without the address", text, err)
		}
	}
}
