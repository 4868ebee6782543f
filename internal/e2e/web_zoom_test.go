package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// cutOff returns what is beyond the sides of the window, or is not whole.
const cutOff = `[...document.querySelectorAll("body *")].filter((e) => {
	if (!e.checkVisibility() || e.closest(".unseen, h1")) {
		return false;
	}
	const { left, right, width } = e.getBoundingClientRect();
	const isCut = e.matches("#status, #banner p, button, label, .hint, time") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0;
	return left < -1 || right > innerWidth + 1 || isCut || (e.matches(".name") && width < 8);
}).map((e) => e.tagName + "#" + e.id + "." + e.className)`

// Zoomed in, the page is a narrow one: at 200% a window of 1280 by 800 is 640 by 400, and
// at 400% it is 320 wide (WCAG 1.4.10); a phone at 200% is 195 wide. Nothing is cut off
// then, nor has to be scrolled to the side.
func TestWebZoom(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--max-clients", "0", "--history", historyFile(t))
	bob, eve := join(t, srv.server, "bob"), join(t, srv.server, "eve")
	bob.send(message("bob", "did the build pass?"))
	eve.send(message("carol", "as carol\n\tcode := 1 // and a comment that is longer than the window"))
	bob.send(message("bob", "https://example.com/"+strings.Repeat("long", 50)))
	bob.send(message("bob", strings.Repeat("line\n", 30)))
	for _, size := range []screenSize{{640, 400}, {320, 256}, {195, 422}} {
		l := startLink(t, srv.webPort)
		p := b.open(strings.TrimSuffix(l.invitation(), "#key="+key), size)
		p.prefer("light")
		check := func(what string) {
			t.Helper()
			if found := eval[[]string](p, cutOff); len(found) > 0 {
				t.Errorf("%s, %d wide: cut off are %q", what, size.width, found)
			}
			if eval[bool](p, "document.documentElement.scrollWidth > innerWidth") {
				t.Errorf("%s, %d wide: the page scrolls to the side", what, size.width)
			}
			if size.width == 320 {
				p.audit(what + ", zoomed in")
			}
		}
		p.wait("the form", `document.activeElement.id === "name"`)
		check("the form")
		eval[bool](p, `(location.hash = "#key=`+key+`", true)`)
		p.wait("the key", `!document.getElementById("key").checkVisibility()`)
		p.join(fmt.Sprint("al", size.width))
		p.say("hello")
		p.wait("the messages", `document.querySelectorAll(".message:not(.unsent)").length >= 5 && !document.getElementById("open-search").hidden`)
		check("the room")
		eval[int](p, `document.getElementById("messages").scrollTop = 0`)
		check("the first messages")
		for _, menu := range []string{"#recent", "#settings"} {
			p.click(menu + " summary")
			check(menu)
		}
		p.click("#settings summary", "#open-search")
		p.fill("#words", "build")
		p.click("#find .main")
		p.wait("the hit", `document.querySelector("#hits .context")`)
		check("the search")
		p.click("#close-search")
		l.setDown(true)
		p.wait("the banner", `!document.getElementById("banner").hidden`)
		p.say("waiting")
		check("a lost connection")
		p.click("#settings summary", "#leave")
		check("the question")
		p.click("#yes")
	}
}

// With the system's colours instead of the page's, what was said by a colour is said in
// another way: that a character is spelled out, and that a message mentions one's name.
func TestWebForcedColours(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.emulate("forced-colors", "active", "prefers-reduced-motion", "reduce")
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.send(message("bob", "a \x1b and a \\x1b"))
	bob.send(message("bob", "hello, alice"))
	p.hears("bob", "hello, alice")
	if eval[string](p, `getComputedStyle(document.querySelector(".control")).borderStyle`) != "solid" {
		t.Error("a character that is spelled out looks like what others can write")
	}
	if eval[bool](p, `getComputedStyle(document.querySelector(".mention")).borderLeft === getComputedStyle(document.querySelector(".message:not(.mention)")).borderLeft`) {
		t.Error("a message that mentions the user looks like any other")
	}
	p.audit("with the system's colours")
}

// Messages move into their place only where the system has nothing against it.
func TestWebReducedMotion(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.send(message("bob", "hello"))
	p.hears("bob", "hello")
	for setting, want := range map[string]string{"no-preference": "arrive", "reduce": "none"} {
		p.emulate("prefers-reduced-motion", setting)
		if got := eval[string](p, `getComputedStyle(document.querySelector(".message")).animationName`); got != want {
			t.Errorf("with %s the animation is %q, want %q", setting, got, want)
		}
	}
	moving := eval[[]string](p, `[...document.querySelectorAll("*")].filter((e) => {
		const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(e);
		return transitionDuration !== "0s" || animationDuration !== "0s" && animationDuration !== "auto" || scrollBehavior !== "auto";
	}).map((e) => e.tagName + "." + e.className)`)
	if eval[bool](p, `matchMedia("(prefers-reduced-motion: reduce)").matches`) && len(moving) > 0 {
		t.Errorf("with reduced motion these move: %q", moving)
	}
}
