package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A list has the people that said something recently, the last one first: those that the
// history knows, too, but not oneself, and not more than twenty.
func TestWebRecent(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--max-clients", "0", "--history", historyFile(t))
	p := b.open(srv.link(), desktop)
	p.join("alice")
	p.say("hello")
	p.wait("the message to arrive", `document.querySelector(".message.own:not(.unsent)")`)
	if !eval[bool](p, `document.getElementById("recent").hidden`) {
		t.Error("nobody else has said anything, but there is a list")
	}
	const people = `[...document.querySelectorAll("#speakers li")].map((e) => e.textContent).join(", ")`
	expect := func(when, want string) {
		t.Helper()
		p.click("#recent summary")
		p.wait("the list", `document.querySelector("#speakers li")`)
		if got := eval[string](p, people); got != want {
			t.Errorf("%s the list is %q, want %q", when, got, want)
		}
		p.press(kb.Escape)
		if eval[bool](p, `document.getElementById("recent").open || document.activeElement !== document.querySelector("#recent summary")`) {
			t.Error("Escape does not close the list")
		}
	}
	bob, eve := join(t, srv.server, "bob"), join(t, srv.server, "eve")
	bob.send(message("bob", "first"))
	p.hears("bob", "first")
	eve.send(message("bob", "as another"))
	p.hears("eve", "as another")
	expect("at first", "eve now, bob now")
	eval[bool](p, `(Date.now = ((now) => () => now() + 3 * 60 * 60 * 1000)(Date.now), true)`)
	bob.send(message("bob", "again"))
	p.hears("bob", "again")
	expect("three hours later", "bob 3 hours ago, eve 3 hours ago")
	eval[bool](p, `(Date.now = ((now) => () => now() + 22 * 60 * 60 * 1000)(Date.now), document.getElementById("recent").open = true)`)
	p.wait("the list to go, a day later", `document.getElementById("recent").hidden`)
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	p.hears("bob", "first")
	expect("loaded again", "bob now, eve now")

	for i := range 30 {
		other := join(t, srv.server, fmt.Sprintf("n%d", i))
		other.say(fmt.Sprintf("message %d", i))
		p.hears(fmt.Sprintf("n%d", i), fmt.Sprintf("message %d", i))
		other.Close()
	}
	p.click("#recent summary")
	p.wait("the last twenty", `document.querySelectorAll("#speakers li").length === 20`)
	if got := eval[string](p, `document.querySelector("#speakers b").textContent + document.querySelector("#speakers li:last-child b").textContent`); got != "n29n10" {
		t.Errorf("the first and the last of the list are %q, want n29 and n10", got)
	}
	p.click("#settings summary", "#leave")
	if !eval[bool](p, `document.getElementById("recent").hidden`) {
		t.Error("the list is there after the room was left")
	}
}
