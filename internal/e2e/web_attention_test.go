package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// notLookedAt has a page behave as one in the background, or in the foreground again.
func (p *page) notLookedAt(isAway bool) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf(`(document.hasFocus = () => !%v, dispatchEvent(new Event(%[1]v ? "blur" : "focus")))`, isAway))
}

// A message that has one's name in it as a word is marked, counted in the title, and, if
// one wants, all that notifies.
func TestWebMentions(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.prepare(`{
		window.notified = [];
		window.Notification = class { constructor(name, { body }) { notified.push(name + ": " + body); } };
		window.Notification.permission = "granted";
		window.Notification.requestPermission = async () => "granted";
	}`)
	p.join("Dr. Max")
	bob := join(t, srv.server, "bob")
	p.click("#settings summary", "#notify", "#only-mentions")
	p.press(kb.Escape)
	p.notLookedAt(true)
	for _, text := range []string{"hello", "dr. max: lunch?", "Dr. Maximilian", "(@Dr. Max)", "Dr, Max", "für Dr. Max", "éDr. Max"} {
		bob.say(text)
	}
	p.wait("the title", `document.title === "(@3, 7) sop-chat"`)
	p.hears("bob", "éDr. Max")
	const marked = `[...document.querySelectorAll(".mention .text")].map((e) => e.textContent).join()`
	const want = "dr. max: lunch?,(@Dr. Max),für Dr. Max"
	if got := eval[string](p, marked); got != want {
		t.Errorf("marked are %q, want %q", got, want)
	}
	if got := fmt.Sprint(eval[[]string](p, "notified")); got != "[bob: dr. max: lunch? bob: (@Dr. Max) bob: für Dr. Max]" {
		t.Errorf("notified is %s", got)
	}
	p.notLookedAt(false)
	p.wait("the title", `document.title === "sop-chat"`)
	p.say("I am Dr. Max")
	p.shows("bob: hello", "bob: dr. max: lunch?", "bob: Dr. Maximilian", "bob: (@Dr. Max)", "bob: Dr, Max", "bob: für Dr. Max", "bob: éDr. Max", "I am Dr. Max")
	if got := eval[string](p, marked); got != want {
		t.Errorf("marked are %q, want %q", got, want)
	}
	p.click("#settings summary", "#only-mentions")
	p.notLookedAt(true)
	bob.say("anything")
	p.wait("the notification", `notified.at(-1) === "bob: anything"`)
}

// unreadAt returns the text of the first message behind the divider, or "".
const unreadAt = `(document.querySelector(".unread")?.nextElementSibling?.closest(".message")?.querySelector(".text").textContent ?? "")`

// A divider stands before the first message that came while one did not look, until one
// answers, or does not look again.
func TestWebUnreadDivider(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	divider := func(want string) {
		t.Helper()
		p.wait(fmt.Sprintf("the divider before %q", want), unreadAt+" === "+quoted(want))
		if n := p.count(".unread"); n > 1 {
			t.Errorf("there are %d dividers", n)
		}
	}
	bob.say("seen")
	p.hears("bob", "seen")
	divider("")
	p.notLookedAt(true)
	bob.sayNumbers(1, 2)
	p.hears("bob", "number 2")
	divider("number 1")
	p.notLookedAt(false)
	bob.say("seen, too")
	p.hears("bob", "seen, too")
	divider("number 1")
	p.notLookedAt(true)
	bob.sayNumbers(3, 50)
	p.hears("bob", "number 50")
	divider("number 3")
	p.notLookedAt(false)
	p.say("answer")
	bob.expect(message("alice", "answer"))
	divider("")

	// Scrolled up, one does not see what comes either.
	eval[int](p, `document.getElementById("messages").scrollTop = 0`)
	p.wait("the button", `document.getElementById("new").textContent === "Jump to latest ↓" && !document.getElementById("new").hidden`)
	bob.sayNumbers(51, 52)
	divider("number 51")
	p.wait("the button", `document.getElementById("new").textContent === "2 new ↓"`)
	p.press("typed")
	p.wait("it in the box", `document.activeElement.id === "text" && document.activeElement.value === "typed"`)
	p.press(kb.Escape)
	p.wait("the button to go", `document.getElementById("new").hidden`)
	divider("number 51")
}

// What one types goes to the box, wherever one is, but for what a control takes.
func TestWebTypeAnywhere(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--history", historyFile(t))
	p := b.open(srv.link(), desktop)
	p.join("alice")
	p.wait("the search", `!document.getElementById("open-search").hidden`)
	for _, at := range []string{"#messages", "#settings summary", "body"} {
		eval[bool](p, fmt.Sprintf(`(document.activeElement.blur(), document.querySelector(%s).focus(), true)`, quoted(at)))
		p.press("x")
	}
	p.wait("three letters", `document.getElementById("text").value === "xxx"`)
	eval[bool](p, `(document.querySelector("#settings summary").focus(), true)`)
	p.press(" ")
	p.wait("the settings", `document.getElementById("settings").open`)
	p.press(kb.Escape)
	p.click("#open-search")
	p.press("find")
	if got := eval[string](p, `document.getElementById("words").value + document.getElementById("text").value`); got != "findxxx" {
		t.Errorf("the search and the box have %q", got)
	}
}
