package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// states are what the page says of its messages that have not arrived.
func (p *page) states(want ...string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("the states %q", want),
		fmt.Sprintf(`[...document.querySelectorAll(".state")].map((e) => e.textContent).join() === %s.join()`, quotedList(want)))
}

// prepare has a script run whenever the page is loaded, before its own.
func (p *page) prepare(script string) {
	p.t.Helper()
	p.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return none, err
	}, chromedp.Reload())
}

// What is typed, but not sent, is there when the page is loaded again, and so is what
// was sent and has not arrived. Each says in words what is known of it, and closing and
// leaving ask before it is lost.
func TestWebUnsent(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	p.say("hello")
	bob.expect(message("alice", "hello"))
	p.states()
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	if p.timesAsked() != 0 {
		t.Error("it is asked though nothing would be lost")
	}

	l.lose(true, true)
	p.say("on its way")
	p.states("sending…")
	l.setDown(true)
	p.waitLost()
	p.say("later")
	p.states("may not have arrived", "waiting…")
	p.press("a draft")
	p.click("#settings summary", "#leave")
	p.wait("the question", `document.getElementById("ask").open && /2 messages are not sent/.test(document.getElementById("question").textContent)`)
	p.press(kb.Escape)
	p.wait("it to be back", `!document.getElementById("ask").open && !document.getElementById("room").hidden`)
	p.shows("… on its way", "… later")

	p.do(chromedp.Navigate("about:blank"))
	if got := p.timesAsked(); got != 1 {
		t.Errorf("%d times it is asked whether the page may be left, want 1", got)
	}
	l.setDown(false)
	p.do(chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/", l.port)))
	p.waitJoined("alice")
	bob.expect(message("alice", "on its way"), message("alice", "later"))
	p.states()
	if got := eval[string](p, `document.getElementById("text").value`); got != "a draft" {
		t.Errorf("the draft is %q", got)
	}
	p.click("#compose button")
	bob.expect(message("alice", "a draft"))
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	if got := eval[string](p, `document.getElementById("text").value`); got != "" {
		t.Errorf("what was sent is in the box again: %q", got)
	}
}

// timesAsked returns how many times the browser asked whether the page may be left.
func (p *page) timesAsked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// A tab that was joined uses the key of a new link, whether it is loaded again with it or
// not, and says so if it is wrong.
func TestWebNewInvitation(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	address := fmt.Sprintf("http://127.0.0.1:%d/", srv.webPort)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(address+"#key=guess"))
	const refused = `document.getElementById("refusal").textContent === "Wrong key."`
	p.wait("the refusal", refused)
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(address+"#key="+key))
	p.waitJoined("alice")
	eval[bool](p, `(location.hash = "#key=guess", true)`)
	p.wait("the refusal", refused)
	p.fill("#key", key)
	p.click("#join .main")
	p.waitJoined("alice")
	bob := join(t, srv.server, "bob")
	p.say("hello")
	bob.expect(message("alice", "hello"))
	eval[bool](p, fmt.Sprintf(`(location.hash = "#key=%s", true)`, key))
	p.say("still there")
	bob.expect(message("alice", "still there"))
}

// Where the browser refuses to remember anything, the page works.
func TestWebNoStorage(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.prepare(`for (const name of ["localStorage", "sessionStorage"]) {
		Object.defineProperty(window, name, { get() { throw new DOMException("Access is denied", "SecurityError"); } });
	}`)
	p.do(chromedp.Navigate("about:blank"), chromedp.Navigate(srv.link()))
	p.join("alice")
	bob := join(t, srv.server, "bob")
	p.say("hello")
	bob.expect(message("alice", "hello"))
	p.click("#settings summary", "#sound", "#leave")
	p.join("alice")
}

// Where notifications can't be shown, though the browser has them, as on Android, no
// message is lost by that; nor by one that can't be shown itself.
func TestWebNoNotifications(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.prepare(`{
		localStorage.setItem("notify", "on");
		window.Notification = class { constructor() { throw new TypeError("Illegal constructor"); } };
		window.Notification.permission = "granted";
	}`)
	p.join("alice")
	eval[bool](p, `(document.hasFocus = () => false, true)`)
	bob := join(t, srv.server, "bob")
	var batch []byte
	for _, text := range []string{"one", "two", "three"} {
		m := message("bob", text)
		batch = append(batch, m[:]...)
	}
	if _, err := bob.Write(batch); err != nil {
		t.Fatal(err)
	}
	p.shows("bob: one", "bob: two", "bob: three")
	p.wait("the count", `document.title.startsWith("(3)")`)
	eval[bool](p, `(() => {
		const real = Date.prototype.toISOString;
		let isFirst = true;
		Date.prototype.toISOString = function () {
			if (isFirst) {
				isFirst = false;
				throw new Error("it can't be shown");
			}
			return real.call(this);
		};
		window.onerror = () => true;
		return true;
	})()`)
	if _, err := bob.Write(batch); err != nil {
		t.Fatal(err)
	}
	p.shows("bob: one", "bob: two", "bob: three", "bob: two", "bob: three")
	p.mu.Lock()
	p.errors = nil // of the one above
	p.mu.Unlock()
}

// What is said of a message that has not arrived makes it higher on a phone, and all of it
// stays in view.
func TestWebStateInView(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), phone)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.sayNumbers(1, 50)
	p.hears("bob", "number 50")
	l.setDown(true)
	p.waitLost()
	for _, want := range [][]string{{"waiting…"}, {"waiting…", "waiting…"}} { // the first one makes the banner higher, too
		p.say("waits")
		p.states(want...)
		p.wait("the states to be seen", `[...document.querySelectorAll(".state")].every((e) => getComputedStyle(e).opacity === "1")`)
	}
	p.wait("all of it in view", `(() => { const m = document.getElementById("messages"); return m.scrollHeight - m.scrollTop - m.clientHeight < 2; })()`)
}
