package command

import (
	"net/netip"
	"strings"
	"testing"

	"sop-chat/internal/rooms"
)

// Keys that are guessed first are called weak, with the reason.
func TestWeakKeys(t *testing.T) {
	for key, want := range map[string]string{
		"key":              "fewer than 8",
		"żółć":             "fewer than 8",
		"zQ7%k!x":          "fewer than 8",
		"12345678":         "digits",
		"2026-11-25":       "digits",
		"0172 555 0134":    "digits",
		"aaaaaaaa":         "pattern",
		"abcabcabc":        "pattern",
		"abcdefgh":         "pattern",
		"QwertyUiop":       "pattern",
		"87654321abcdefgh": "",
		"1q2w3e4r":         "pattern",
		"password":         "common word",
		"Passw0rd!":        "common word",
		"P@$$w0rd123":      "common word",
		"sunshine":         "common word",
		"ELEPHANT":         "common word",
		"letmein1":         "common word",
		"admin2026!":       "common word",
	} {
		if got := weakness(key); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("the weakness of %q is %q, want %q", key, got, want)
		}
	}
}

// Keys that are not guessed soon are not called weak, and neither is an empty one,
// with which everybody can join anyway.
func TestKeysThatAreNotWeak(t *testing.T) {
	for _, key := range []string{
		"", "correct horse battery staple", "9f86d081884c7d65", "Sesam-0ffne-dich", "kzwmxqpt", "zażółć gęślą jaźń",
		"open sesame", "lamp-river-otter", "my password is long",
	} {
		if got := weakness(key); got != "" {
			t.Errorf("%q is weak: %s", key, got)
		}
	}
}

// There is a warning only if other machines can reach the server.
func TestWeakKeyWarning(t *testing.T) {
	addrs := func(texts ...string) (all []netip.Addr) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	for _, test := range []struct {
		key     string
		bound   []netip.Addr
		proxied bool
		want    bool
	}{
		{"key", addrs("::"), false, true},
		{"key", addrs("0.0.0.0"), false, true},
		{"key", addrs("127.0.0.1", "::1"), false, false},
		{"key", addrs("127.0.0.1", "192.0.2.7"), false, true},
		{"key", addrs("127.0.0.1"), true, true},
		{"correct horse battery staple", addrs("::"), true, false},
	} {
		var out strings.Builder
		warnOfWeakKeys(&out, []rooms.Room{{Key: test.key}}, othersReach(test.bound, test.proxied))
		if got := strings.Contains(out.String(), "the key is weak"); got != test.want || strings.Count(out.String(), "\n") > 1 {
			t.Errorf("%+v: %q", test, out.String())
		}
	}
}

// Of many rooms one line says how many have weak keys, and names one of them.
func TestWeakKeysOfRooms(t *testing.T) {
	const strong = "correct horse battery staple"
	list := func(keys ...string) (all []rooms.Room) {
		for i, key := range keys {
			all = append(all, rooms.Room{Name: string(rune('a' + i)), Key: key})
		}
		return all
	}
	for _, test := range []struct {
		rooms     []rooms.Room
		reachable bool
		want      string
	}{
		{list(strong, "short"), true, `the key of the room "b" is weak (fewer than 8 characters) and soon guessed`},
		{list("12345678", strong, "short"), true, `the keys of 2 rooms are weak and soon guessed, such as that of "a" (digits only)`},
		{list(strong, ""), true, ""},
		{list("short"), false, ""},
		{nil, true, ""},
	} {
		var out strings.Builder
		warnOfWeakKeys(&out, test.rooms, test.reachable)
		if got := out.String(); (test.want == "") != (got == "") || !strings.Contains(got, test.want) || strings.Count(got, "\n") > 1 || strings.Contains(got, "short") {
			t.Errorf("%+v: %q", test, got)
		}
	}
}
