package cluster

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A name of any bytes has a token of its own, which is one token for NATS, and the name comes
// out of it again.
func TestToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "name"))
		tok := token(name)
		if tok == "" || strings.ContainsAny(tok, ".*> \t\r\n\x00") || tok == serversToken {
			t.Fatalf("%q has the token %q", name, tok)
		}
		back, err := nameOf(tok)
		if err != nil || back != name {
			t.Fatalf("%q has the token %q, which is of %q, %v", name, tok, back, err)
		}
		room, server, ok := split("chat", "chat."+tok+".a")
		if !ok || room != tok || server != "a" {
			t.Fatalf("the subject of %q was split into %q and %q, %v", tok, room, server, ok)
		}
	})
}

// Names that can be are readable.
func TestTokenReadable(t *testing.T) {
	for name, want := range map[string]string{"lobby": "lobby", "a_B-9": "a_B-9", "": "=", "a b": "=MEQGE", "é": "=YOUQ"} {
		if got := token(name); got != want {
			t.Errorf("%q has the token %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"=servers", "=meqge", "=MEQG", "=NRXWEYTZ", "a.b", "=0"} {
		if name, err := nameOf(bad); err == nil {
			t.Errorf("%q is the token of %q", bad, name)
		}
	}
	for _, bad := range []string{"chat", "chat.a", "chat.a.", "chat..b", "chat.a.b.c", "other.a.b"} {
		if room, server, ok := split("chat", bad); ok {
			t.Errorf("%q was split into %q and %q", bad, room, server)
		}
	}
}
