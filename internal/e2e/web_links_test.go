package e2e

import (
	"fmt"
	"testing"
)

// An address ends where a reader says it ends, and says where it leads.
func TestWebLinks(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, `Promise.all([import("/links.js")]).then(([m]) => (window.show = m.showWithLinks, true))`)
	for _, c := range []struct{ text, want string }{ // want has addresses in ⟨⟩, and the host shown behind one in ⟦⟧
		{"see http://example.com/a.", "see ⟨http://example.com/a⟩."},
		{"(see http://example.com/a)", "(see ⟨http://example.com/a⟩)"},
		{"http://example.com/x_(y)", "⟨http://example.com/x_(y)⟩"},
		{"(http://example.com/x_(y))!", "(⟨http://example.com/x_(y)⟩)!"},
		{"[a](http://example.com/a)(b)", "[a](⟨http://example.com/a⟩)(b)"},
		{"[http://[::1]:80/a[1]]", "[⟨http://[::1]:80/a[1]⟩]"},
		{"http://example.com/(", "⟨http://example.com/⟩("},
		{"“http://example.com/a”", "“⟨http://example.com/a⟩”"},
		{"„http://example.com/a“", "„⟨http://example.com/a⟩“"},
		{"« http://example.com/a»", "« ⟨http://example.com/a⟩»"},
		{"»http://example.com/a«", "»⟨http://example.com/a⟩«"},
		{"‘http://example.com/a’", "‘⟨http://example.com/a⟩’"},
		{"'http://example.com/a','b'", "'⟨http://example.com/a⟩','b'"},
		{"http://example.com/it's and http://example.com/Hobson’s_choice’", "⟨http://example.com/it's⟩ and ⟨http://example.com/Hobson’s_choice⟩’"},
		{"见http://example.com/a。然后", "见⟨http://example.com/a⟩。然后"},
		{"http://example.com/a，http://example.com/b、c", "⟨http://example.com/a⟩，⟨http://example.com/b⟩、c"},
		{"（http://example.com/a）和", "（⟨http://example.com/a⟩）和"},
		{"「http://example.com/a」", "「⟨http://example.com/a⟩」"},
		{"http://example.com/a—or not", "⟨http://example.com/a⟩—or not"},
		{"http://example.com/Michelson–Morley –", "⟨http://example.com/Michelson–Morley⟩ –"},
		{"http://example.com/日本語/", "⟨http://example.com/日本語/⟩"},
		{"انظر http://example.com/a؟", "انظر ⟨http://example.com/a⟩؟"},
		{"http://example.com/a_", "⟨http://example.com/a_⟩"},
		{"*http://example.com/a*", "*⟨http://example.com/a⟩*"},
		{"http://example.com/a-/#", "⟨http://example.com/a-/#⟩"},
		{"http://example.com/a...", "⟨http://example.com/a⟩..."},
		{"http://example.com/a…", "⟨http://example.com/a⟩…"},
		{"http://. https://", "http://. https://"},
		{"HTTP://EXAMPLE.com:80", "⟨HTTP://EXAMPLE.com:80⟩"},

		{"http://münchen.de/", "⟨http://münchen.de/⟩"},
		{"https://例え.jp/ http://例えtest.jp", "⟨https://例え.jp/⟩ ⟨http://例えtest.jp⟩"},
		{"http://пример.рф/", "⟨http://пример.рф/⟩"},
		{"http://موقع.com:8080/", "⟨http://موقع.com:8080/⟩"},
		{"https://аpple.com/", "⟨https://аpple.com/⟩ ⟦leads to xn--pple-43d.com⟧"},
		{"https://аррӏе.com/", "⟨https://аррӏе.com/⟩ ⟦leads to xn--80ak6aa92e.com⟧"},
		{"https://xn--80ak6aa92e.com/", "⟨https://xn--80ak6aa92e.com/⟩"},
		{"https://ｅxample.com/", "⟨https://ｅxample.com/⟩ ⟦leads to example.com⟧"},
		{"https://ex%61mple.com/", "⟨https://ex%61mple.com/⟩ ⟦leads to example.com⟧"},
		{"http://example.com@evil.test/", "⟨http://example.com@evil.test/⟩ ⟦leads to evil.test⟧"},
		{"http://example.com%2flogin@1.2.3.4:81/a", "⟨http://example.com%2flogin@1.2.3.4:81/a⟩ ⟦leads to 1.2.3.4:81⟧"},
		{"http://bob:secret@münchen.de/", "⟨http://bob:secret@münchen.de/⟩ ⟦leads to xn--mnchen-3ya.de⟧"},
		{`http://example.com\@evil.test/`, `http://example.com\@evil.test/`},
		{"http://2130706433/", "⟨http://2130706433/⟩ ⟦leads to 127.0.0.1⟧"},
	} {
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
