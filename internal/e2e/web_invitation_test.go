package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// One that has the key from a link is asked for a name alone, until the key turns out to
// be wrong. A key that is typed can be looked at.
func TestWebKeyField(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	address := fmt.Sprintf("http://127.0.0.1:%d/", srv.webPort)
	p := b.open(address+"#key=guess", desktop)
	p.wait("the form", `document.activeElement.id === "name"`)
	const isShown = `document.getElementById("key").checkVisibility()`
	if eval[bool](p, isShown) {
		t.Error("the key of the link is asked for")
	}
	p.fill("#name", "alice")
	p.click("#join .main")
	p.wait("the refusal", `document.getElementById("refusal").textContent.startsWith("Wrong key")`)
	p.wait("the field", isShown)
	p.wait("the key to be hidden", `document.getElementById("key").type === "password"`)
	p.click("#show-key")
	p.wait("the key to be shown", `document.getElementById("key").type === "text" && document.getElementById("show-key").getAttribute("aria-label") === "Hide the key"`)
	p.click("#show-key")
	p.wait("the key to be hidden", `document.getElementById("key").type === "password"`)
	p.fill("#key", key)
	p.click("#join .main")
	p.waitJoined("alice")

	other := b.open(address, desktop)
	other.wait("the field", isShown)
}

// A room in which nothing was said says that one is in, and has the link that invites
// others, also where the browser has no clipboard.
func TestWebEmptyRoom(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), phone)
	p.prepare(`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } }, configurable: true });`)
	p.join("alice")
	const isShown = `document.getElementById("empty").checkVisibility({ visibilityProperty: true })`
	p.wait("the words", isShown)
	p.click("#copy")
	p.wait("the link", "window.copied === "+quoted(l.invitation()))
	p.wait("the words", `document.getElementById("copied").textContent === "Copied. It works on this machine only."`)
	if eval[bool](p, `document.getElementById("link").checkVisibility()`) {
		t.Error("the key is shown without need")
	}
	eval[bool](p, `(Object.defineProperty(navigator, "clipboard", { value: undefined }), true)`)
	p.click("#copy")
	p.audit("the empty room")
	p.wait("the link", `document.activeElement.id === "link" && getSelection().toString() === `+quoted(l.invitation()))

	l.setDown(true)
	p.wait("the words to go", "!"+isShown)
	l.setDown(false)
	p.waitJoined("alice")
	p.wait("the words", isShown)
	bob := join(t, srv.server, "bob")
	bob.say("hello")
	p.hears("bob", "hello")
	p.wait("the words to go", "!"+isShown)

	// What another opens by the link is this room.
	other := b.open(eval[string](p, "window.copied"), desktop)
	other.join("carol")
	bob.say("hi")
	other.hears("bob", "hi")
	other.do(chromedp.Reload())
	other.waitJoined("carol")
}
