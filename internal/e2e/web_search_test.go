package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// A search shows the newest first, with its words marked, and what was said around one of
// them, on a desktop and on a phone.
func TestWebSearch(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	path := historyFile(t)
	srv := startWeb(t, "--history", path)
	bob, max := join(t, srv.server, "bob"), join(t, srv.server, "Dr. Max.")
	for i := range 300 {
		bob.send(message("bob", fmt.Sprintf("number %d", i+1)))
	}
	for range 300 {
		max.receive()
	}
	max.send(message("Dr. Max.", "the Number of the beast"))
	bob.receive()
	bob.send(message("bob", "see https://example.com/number/7, a renumbered \x1b one\n\tnumber := 1"))
	eventually(t, "all are kept", func() bool { return lastOf(t, path) == 302 })
	for _, size := range []screenSize{desktop, phone} {
		p := b.open(srv.link(), size)
		p.join("alice")
		p.wait("what the room offers", `!document.getElementById("open-search").hidden`)
		p.click("#open-search")
		search := func(words string) []string {
			t.Helper()
			p.fill("#words", words)
			p.click("#find .main")
			p.wait("an answer", `document.getElementById("found").textContent !== ""`)
			return eval[[]string](p, `[...document.querySelectorAll("#hits .text")].map((e) => {
				const copy = e.cloneNode(true);
				copy.querySelectorAll("mark").forEach((m) => m.replaceWith("⟨" + m.textContent + "⟩"));
				return copy.textContent;
			})`)
		}
		for words, want := range map[string][]string{
			"number beast":                          {"the ⟨Number⟩ of the ⟨beast⟩"},
			"see number":                            {"⟨see⟩ https://example.com/⟨number⟩/7, a re⟨number⟩ed \\x1b one\n\t⟨number⟩ := 1"},
			"numbere":                               {"see https://example.com/number/7, a re⟨numbere⟩d \\x1b one\n\tnumber := 1"},
			`"numbere"`:                             {},
			"east":                                  {"the Number of the b⟨east⟩"},
			`from:"Dr. Max."`:                       {"the Number of the beast"},
			"NUMBER FROM:carol":                     {},
			"number since:2099-01-01":               {},
			"beast until:2099-01-01 since:2001-1-1": {"the Number of the ⟨beast⟩"},
			"beast until:2001-01-01":                {},
			"beast since:2026-02-31":                {},
		} {
			if got := search(words); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q finds %q, want %q", words, got, want)
			}
		}
		search("number since:soon")
		p.wait("what is wrong", `document.getElementById("found").textContent.includes("since:soon has no date")`)
		if got := search("number"); len(got) != 200 || !strings.HasPrefix(got[0], "see") || got[2] != "⟨number⟩ 300" {
			t.Errorf("%d messages are found, and the first are %q", len(got), got[:3])
		}
		if high := eval[int](p, `Math.max(...[...document.querySelectorAll("#hits .message")].slice(2).map((m) => m.clientHeight))`); high > 70 {
			t.Errorf("on a screen %d pixels wide, a short message is %d pixels high", size.width, high)
		}
		if n := p.count("#hits a mark"); n != 1 {
			t.Errorf("%d marks are in a link, want 1", n)
		}

		search(`"number 150"`)
		p.click("#hits .context")
		texts := func(what, first, last string) {
			t.Helper()
			p.wait(what, fmt.Sprintf(`(() => {
				const texts = [...document.querySelectorAll("#hits .text")].map((e) => e.textContent);
				return texts[0] === %s && texts.at(-1) === %s && texts.length === new Set(texts).size;
			})()`, quoted(first), quoted(last)))
		}
		texts("what is around", "number 101", "number 199")
		p.wait("the message in view", `(() => {
			const [list, found] = [document.getElementById("hits"), document.querySelector(".found")].map((e) => e.getBoundingClientRect());
			return found.top > list.top && found.bottom < list.bottom && document.querySelector(".found .text").textContent === "number 150";
		})()`)
		const wide = `[...document.querySelectorAll("#search, #search *")].filter((e) => !e.closest(".unseen, [hidden]") &&
			e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + "#" + e.id + "." + e.className)`
		if found := eval[[]string](p, wide); len(found) > 0 {
			t.Errorf("cut off at the side: %q", found)
		}
		const small = `[...document.querySelectorAll("#search button")].filter((e) => e.offsetParent && e.getBoundingClientRect().height < 36).map((e) => e.textContent)`
		if found := eval[[]string](p, small); size == phone && len(found) > 0 {
			t.Errorf("too small to touch: %q", found)
		}
		const height = `document.getElementById("hits").clientHeight`
		if h := eval[int](p, height); h < 350 {
			t.Errorf("on a screen %d pixels high, the messages have %d", size.height, h)
		}
		p.click("#hits > .more:first-child")
		texts("what is before", "number 1", "number 199")
		p.click("#hits > .more:last-child")
		texts("what is after", "number 1", "number 299")
		p.click("#back")
		texts("the hit", "number 150", "number 150")
	}
}
