package e2e

import (
	"fmt"
	"testing"
)

// failing has the page's requests fail, each in another way: as many as
// window.fails has for what is asked for. It counts them all, but for the page's own files
// and the first request for the room, without which nobody joins.
const failing = `(() => {
	const real = window.fetch;
	window.asked = [];
	window.fails = { room: 1, messages: 2 };
	let isOpen = false;
	window.fetch = (url, ...rest) => {
		const what = /api\/(\w+)/.exec(url)?.[1];
		if (!what || (what === "room" && !isOpen)) {
			isOpen ||= what === "room";
			return real(url, ...rest);
		}
		window.asked.push(String(url));
		if (window.fails[what]-- <= 0) {
			return real(url, ...rest);
		}
		return window.fails[what] === 0 ? Promise.reject(new TypeError("no network"))
			: Promise.resolve(new Response("busy", { status: 503, headers: { "Retry-After": "1" } }));
	};
	return true;
})()`

// What was said before is loaded in the end, though the server was too busy at
// first or could not be reached, and it is said once that it failed.
func TestWebOlderAgain(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	path := historyFile(t)
	srv := startWeb(t, "--history", path)
	bob := join(t, srv.server, "bob")
	for i := range 350 {
		bob.send(message("bob", fmt.Sprintf("number %d", i+1)))
	}
	eventually(t, "all are kept", func() bool { return lastOf(t, path) == 350 })
	p := b.open(srv.link(), desktop)
	eval[bool](p, failing)
	p.join("alice")
	p.wait("the last messages", `document.querySelectorAll(".message").length === 100`)
	eval[bool](p, `(window.fails.messages = 2, true)`)
	for n := 100; n < 350; n = p.count(".message") {
		// Nothing scrolls again while this is the top: it has to be tried again by itself.
		eval[int](p, `document.getElementById("messages").scrollTop = 0`)
		p.wait("older messages", fmt.Sprintf(`document.querySelectorAll(".message").length > %d`, n))
	}
	if first := eval[string](p, `document.querySelector("#messages .text").textContent`); first != "number 1" {
		t.Errorf("the first message is %q", first)
	}
	if notes := p.count(".note"); notes != 2 {
		t.Errorf("%d times it is said that it failed, want 2", notes)
	}
	if asked := eval[int](p, `window.asked.length`); asked != 10 {
		t.Errorf("%d requests, want 10: %q", asked, eval[[]string](p, "window.asked"))
	}
}

// A wrong key is not tried again.
func TestWebOlderWrongKey(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--history", historyFile(t))
	bob, carol := join(t, srv.server, "bob"), join(t, srv.server, "carol")
	carol.expect(bob.say("said before"))
	p := b.open(srv.link(), desktop)
	eval[bool](p, `(() => {
		const real = window.fetch;
		window.asked = 0;
		window.fetch = (url, ...rest) => String(url).includes("messages") ? (window.asked++,
			Promise.resolve(new Response("wrong key", { status: 401, headers: { "Retry-After": "0.01" } }))) : real(url, ...rest);
		return true;
	})()`)
	p.join("alice")
	p.wait("the note", `document.querySelector(".note")?.textContent.includes("wrong key")`)
	eval[bool](p, `new Promise((done) => setTimeout(() => done(true), 200))`)
	eval[bool](p, `document.getElementById("messages").dispatchEvent(new Event("scroll"))`)
	if asked := eval[int](p, "window.asked"); asked != 1 {
		t.Errorf("it is asked for %d times", asked)
	}
}
