package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// An address ends where a reader says it ends, and says where it leads.
func TestWebLinks(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, `Promise.all([import("/links.js")]).then(([m]) => (window.show = m.showWithLinks, true))`)
	type shown struct{ text, want string } // want has addresses in ⟨⟩, and the host shown behind one in ⟦⟧
	links := []shown{
		{"http://münchen.de/", "⟨http://münchen.de/⟩"},
		{"https://例え.jp/ http://例えtest.jp", "⟨https://例え.jp/⟩ ⟨http://例えtest.jp⟩"},
		{"http://пример.рф/", "⟨http://пример.рф/⟩"},
		{"http://موقع.com:8080/", "⟨http://موقع.com:8080/⟩"},
		{"https://аpple.com/", "⟨https://аpple.com/⟩ ⟦leads to xn--pple-43d.com⟧"},
		{"https://аррӏе.com/", "⟨https://аррӏе.com/⟩ ⟦leads to xn--80ak6aa92e.com⟧"},
		{"https://ｅxample.com/", "⟨https://ｅxample.com/⟩ ⟦leads to example.com⟧"},
		{"https://ex%61mple.com/", "⟨https://ex%61mple.com/⟩ ⟦leads to example.com⟧"},
		{"http://example.com@evil.test/", "⟨http://example.com@evil.test/⟩ ⟦leads to evil.test⟧"},
		{"http://example.com%2flogin@1.2.3.4:81/a", "⟨http://example.com%2flogin@1.2.3.4:81/a⟩ ⟦leads to 1.2.3.4:81⟧"},
		{"http://bob:secret@münchen.de/", "⟨http://bob:secret@münchen.de/⟩ ⟦leads to xn--mnchen-3ya.de⟧"},
		{`http://example.com\@evil.test/`, `http://example.com\@evil.test/`},
		{"http://2130706433/", "⟨http://2130706433/⟩ ⟦leads to 127.0.0.1⟧"},
	}
	ends, err := os.ReadFile("../terminal/testdata/links.txt") // the terminal shows these, too
	if err != nil {
		t.Fatal(err)
	}
	for want := range strings.Lines(string(ends)) {
		want = strings.TrimSuffix(want, "\n")
		links = append(links, shown{strings.NewReplacer("⟨", "", "⟩", "").Replace(want), want})
	}
	for _, c := range links {
		got := eval[string](p, fmt.Sprintf(`(() => {
			const element = document.createElement("p");
			show(element, %s);
			const around = (e, [open, close]) => e.replaceWith(open + e.textContent + close);
			element.querySelectorAll("a").forEach((e) => around(e, "⟨⟩"));
			element.querySelectorAll(".control").forEach((e) => around(e, "⟦⟧"));
			return element.textContent;
		})()`, quoted(c.text)))
		if got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.text, got, c.want)
		}
	}
}
