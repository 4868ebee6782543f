package certs

import (
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for text, want := range map[string]string{
		"chat.example.com":   "chat.example.com",
		"Chat.Example.COM":   "chat.example.com",
		"chat.example.com.":  "chat.example.com",
		"münchen.example":    "xn--mnchen-3ya.example",
		"chat":               "chat",
		"203.0.113.7":        "203.0.113.7",
		"::ffff:203.0.113.7": "203.0.113.7",
		"2001:DB8:0::7":      "2001:db8::7",
		"[2001:db8::7]":      "2001:db8::7",
	} {
		if got, err := ParseName(text); err != nil || got != want {
			t.Errorf("%q is read as %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                        "neither a domain",
		"https://chat.example/x":  "is a URL; the name in it is chat.example",
		"*.example.com":           "has a wildcard",
		"chat.example:443":        "has a port at its end; leave it out, as in chat.example",
		"[2001:db8::7]:443":       "has a port at its end; leave it out, as in 2001:db8::7",
		"203.0.113.7:443":         "has a port at its end",
		"203.0.113.700":           "neither a domain",
		"fe80::1%eth0":            "not the address of one host",
		"0.0.0.0":                 "not the address of one host",
		"chat example":            "neither a domain",
		"chat.example/room":       "neither a domain",
		"-chat.example":           "neither a domain",
		"chat..example":           "neither a domain",
		strings.Repeat("a", 64):   "neither a domain",
		"me@chat.example":         "neither a domain",
		"a,b":                     "neither a domain",
		"chat.example\x00.com":    "neither a domain",
		strings.Repeat("a.", 128): "neither a domain",
	} {
		if got, err := ParseName(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is read as %q, %v; want an error with %q", text, got, err, want)
		}
	}
}

func TestCheckPublic(t *testing.T) {
	for name, want := range map[string]string{
		"chat.example.com": "", "203.0.113.7": "", "2001:db8::7": "",
		"chat": "a name in private networks alone", "localhost": "a name in private", "chat.local": "a name in private",
		"192.168.1.5": "an address in private networks alone", "127.0.0.1": "an address in private", "fd00::1": "an address in private",
	} {
		err := CheckPublic(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Whatever is given, a name that is read is one in its final form: it is read as itself.
func FuzzParseName(f *testing.F) {
	for _, text := range []string{"chat.example.com", "münchen.example.", "[2001:DB8::7]", "::ffff:203.0.113.7", "*.example", "http://a/b", "a:1", "1.2.3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseName(text)
		if err != nil {
			return
		}
		if again, err := ParseName(name); err != nil || again != name {
			t.Errorf("%q is read as %q, and that as %q, %v", text, name, again, err)
		}
		if strings.ContainsAny(name, "/\\ \x00") || strings.Contains(name, "..") {
			t.Errorf("%q is read as %q, which is no name", text, name)
		}
	})
}
