package terminal

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"
)

// An address is a link up to where a reader ends it.
func TestLinks(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string // the text of each link
	}{
		{"no link: www.example.org ftp://a http:// https", nil},
		{"see https://example.org/a_(b)?c=d#e, or (http://localhost:8080/).", []string{"https://example.org/a_(b)?c=d#e", "http://localhost:8080/"}},
		{"HTTPS://Example.ORG/it's 'http://a.b/c' “http://a.b/d”", []string{"HTTPS://Example.ORG/it's", "http://a.b/c", "http://a.b/d"}},
		{"見てhttps://example.org/日本語。次", []string{"https://example.org/日本語"}},
		{"http://[::1]:80/x] http://1.2.3.4:5", []string{"http://[::1]:80/x", "http://1.2.3.4:5"}},
		{"https://good.example@evil.example/ https://ехample.org/ https://a\\@b", nil},
		{"https://a.example/\u202eb https://b.example/\x1b]8;;x", nil},
		{"https://a.example/" + strings.Repeat("日", 300), nil},
	} {
		s := safe(test.text)
		var got []string
		for _, l := range s.links {
			got = append(got, s.text[l.begin:l.end])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q has the links %q, want %q", test.text, got, test.want)
		}
	}
}

// An address ends where it does on the page.
func TestLinkEnds(t *testing.T) {
	shown, err := os.ReadFile("testdata/links.txt") // what the page shows, see TestWebLinks
	if err != nil {
		t.Fatal(err)
	}
	for want := range strings.Lines(string(shown)) {
		want = strings.TrimSuffix(want, "\n")
		text := strings.NewReplacer("⟨", "", "⟩", "").Replace(want)
		s := safe(text)
		got, at := "", 0
		for _, l := range s.links {
			got += s.text[at:l.begin] + "⟨" + s.text[l.begin:l.end] + "⟩"
			at = l.end
		}
		if got += s.text[at:]; got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

// A link leads where its text says, in characters of addresses alone.
func TestLinkTarget(t *testing.T) {
	plain := regexp.MustCompile(`^https?://[!#-;=?-\[\]_a-z~]+$`)
	rapid.Check(t, func(t *rapid.T) {
		text := "http://a.example/" + rapid.StringOf(rapid.RuneFrom([]rune("ab%;é日\\^|`\x07\x1b\u009c?#&"))).Draw(t, "path")
		for _, l := range safe(text).links {
			if !plain.MatchString(l.target) {
				t.Fatalf("%q leads to %q", text, l.target)
			}
		}
	})
	if l := safe(`http://a.example/é\;%20`).links; len(l) != 1 || l[0].target != "http://a.example/%C3%A9%5C;%20" {
		t.Errorf("it leads to %v", l)
	}
}

// The rows of a wrapped address are one link. Terminals that would print its sequences
// get none.
func TestLinkOnScreen(t *testing.T) {
	const address = "https://example.org/a/long/path/that/does/not/fit/into/one/row"
	u := newUser(t, 40, 14)
	u.hears("bob", "see "+address+" or "+address+"2")
	if content := u.View().Content; strings.Contains(content, "\x1b]8") {
		t.Error("there are links that were not asked for")
	}
	u.log.layout.links = true
	begins := regexp.MustCompile(`\x1b\]8;(id=[0-9a-f]+);([^\x07]+)\x07`).FindAllStringSubmatch(u.View().Content, -1)
	ids := map[string]string{}
	for _, begin := range begins {
		if id, known := ids[begin[2]]; known && id != begin[1] {
			t.Errorf("%s has the ids %s and %s", begin[2], id, begin[1])
		}
		ids[begin[2]] = begin[1]
	}
	if len(begins) < 4 || len(ids) != 2 || ids[address] == "" || ids[address] == ids[address+"2"] {
		t.Errorf("the links are %q", begins)
	}
	for kind, want := range map[string]bool{
		"xterm-256color": true, "tmux": true, "screen": true, "": true, "dumb": false, "linux": false, "linux-16color": false, "vt220": false,
	} {
		if knowsLinks([]string{"COLORTERM=1", "TERM=" + kind}) != want {
			t.Errorf("TERM=%s: links %v", kind, !want)
		}
	}
}

// The view to copy from has the texts from the first column on, without anything
// beside or below them, and leaves the mouse to the terminal.
func TestPlainView(t *testing.T) {
	u := newUser(t, 40, 14)
	for range 20 {
		u.hears("bob", "before")
	}
	u.hears("bob", "func main() {\n\tprintln(1)\n}")
	u.hears("bob", "/me waves")
	u.types("/plain", "<enter>")
	u.shows("\n12:04   bob\nfunc main() {\n    println(1)\n}\n12:04   * bob\nwaves\n12:04 - select with the mouse to copy;\n")
	u.showsNot("alice at localhost")
	if rows := strings.Count(u.screen(), "\n") + 1; rows != 14 {
		t.Errorf("there are %d rows", rows)
	}
	v := u.View()
	if v.MouseMode != tea.MouseModeNone {
		t.Error("the mouse is not left to the terminal")
	}
	if v.Cursor == nil || v.Cursor.Y != 13 {
		t.Errorf("the cursor is at %v", v.Cursor)
	}
	u.types("<pgup>", "/plain", "<enter>")
	u.shows("alice at localhost", "bob: before")
	if u.View().MouseMode == tea.MouseModeNone {
		t.Error("the wheel does not scroll")
	}
}
