package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/coder/websocket"

	"sop-chat/internal/console"
)

// Two pages and a TCP client talk; a page that is loaded again goes back by
// itself, and so do both when the server was away, with what was written
// meanwhile.
func TestWebTalk(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	first := startWeb(t)
	alice, bob := b.open(first.link(), desktop), b.open(first.link(), desktop)
	alice.join("alice")
	bob.join("bob")
	tcp := join(t, first.server, "carol")

	alice.say("hello 日本語 👍")
	bob.hears("alice", "hello 日本語 👍")
	tcp.expect(message("alice", "hello 日本語 👍"))
	tcp.send(message("carol", "hi, both"))
	alice.hears("carol", "hi, both")
	bob.hears("carol", "hi, both")
	bob.say("one\ntwo")
	tcp.expect(message("bob", "one\ntwo"))
	alice.hears("bob", "one\ntwo")
	if n := alice.count(".message.own"); n != 1 {
		t.Errorf("alice sees %d messages of her own, want 1", n)
	}

	alice.do(chromedp.Reload())
	alice.waitJoined("alice")
	tcp.send(message("carol", "there again?"))
	alice.hears("carol", "there again?")

	first.signal(syscall.SIGINT)
	if status, took := first.waitEnd(); status.ExitStatus() != 0 || took > 5*time.Second {
		t.Errorf("the server ended with %v, after %v", status.ExitStatus(), took)
	}
	for _, p := range []*page{alice, bob} {
		p.wait("the loss", `/Trying again in \d+ s/.test(document.getElementById("trouble").textContent)`)
	}
	alice.say("written meanwhile")
	alice.wait("a message that waits", `document.querySelector(".message.unsent") && document.getElementById("status").textContent !== ""`)
	second := startWebAt(t, first.port, first.webPort)
	late := join(t, second.server, "late")
	late.expect(message("alice", "written meanwhile"))
	alice.waitJoined("alice")
	bob.waitJoined("bob")
	alice.wait("everything to be sent", `!document.querySelector(".message.unsent")`)
	bob.say("back")
	alice.hears("bob", "back")
}

// The page says that the key is wrong, or the room full, and lets one try again.
func TestWebRefused(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--max-clients", "1")
	p := b.open(fmt.Sprintf("http://127.0.0.1:%d/", srv.webPort), desktop)
	p.wait("the form", `document.activeElement.id === "name"`)
	p.fill("#name", "eve")
	p.fill("#key", "guess")
	p.click("#join .main")
	const refusal = `document.getElementById("refusal").textContent === `
	p.wait("the refusal", refusal+quoted("Wrong key."))
	p.fill("#key", key)
	p.join("eve")
	other := b.open(srv.link(), desktop)
	other.fill("#name", "late")
	other.click("#join .main")
	other.wait("the refusal", refusal+quoted("The room is full. Try again when somebody has left it."))
	p.click("#settings summary")
	p.click("#leave")
	other.wait("a place", `(document.querySelector("#join .main").click(), !document.getElementById("room").hidden)`)
}

// What others send is text, whatever it is. Nothing of it runs, is markup or
// hides.
func TestWebHostile(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	eve := join(t, srv.server, "eve")
	markup := `<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>`
	for _, text := range []string{
		markup,
		"javascript:window.harmed=1 data:text/html,x",
		"see http://example.com/a?b=c&d, (https://example.com/x_(y)) or http://\u202eexample.org!",
		"\x1b[31mred\x07 \u202egnp.exe \u200b\xff\xfe end",
		"tab\there\r\nnext\rline",
	} {
		eve.send(message("eve", text))
	}
	garbage := strings.Repeat("a\x01\\", 100)
	eve.send(message("eve", garbage))
	eve.send(message("<b>eve</b>\n\u202e", "last"))
	p.hears("eve", "last")
	p.hears("eve", markup)
	p.hears("eve", "\\x1b[31mred\\x07 \\u{202e}gnp.exe \\u{200b}\\xff\\xfe end")
	p.hears("eve", "tab\there\nnext\\rline")
	p.hears("eve", strings.Repeat(`a\x01\\`, 100))
	if n := eval[int](p, `Math.max(...Array.from(document.querySelectorAll("#messages .text"), (e) => e.childNodes.length))`); n > 40 {
		t.Errorf("a text has become %d parts of the page", n)
	}
	if eval[bool](p, "Boolean(window.harmed)") || p.count("#messages img, #messages script, #messages b b") > 0 {
		t.Error("what eve sent has become part of the page")
	}
	links := eval[[]string](p, `[...document.querySelectorAll("#messages a")].map((a) => a.href + " " + a.rel + " " + a.target)`)
	want := []string{"http://example.com/a?b=c&d noopener noreferrer _blank", "https://example.com/x_(y) noopener noreferrer _blank"}
	if fmt.Sprint(links) != fmt.Sprint(want) {
		t.Errorf("the links are %q, want %q", links, want)
	}
}

// A name under which somebody else writes is not one's own. A message with another name
// than its sender's is shown with both, at once and when it is loaded again.
func TestWebNamesakes(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--history", historyFile(t))
	p := b.open(srv.link(), desktop)
	p.join("alice")
	other, eve, none := join(t, srv.server, "alice"), join(t, srv.server, "eve"), join(t, srv.server, "")
	p.say("it is me")
	none.receive() // so that they are said in this order
	other.send(message(" alice\u00a0", "another alice"))
	none.receive()
	eve.send(message("alice\ufe0f", "a look-alike"))
	eve.send(message("alice", "eve"))
	none.receive()
	none.receive()
	none.send(message("\u3000", "nobody"))
	none.send(message("\u3164", "a filler"))
	p.hears("eve", "a look-alike")
	p.hears("no name", "nobody")
	p.hears("no name", "a filler")
	const heads = `[...document.querySelectorAll("%s .message")].map((m) =>
		(m.classList.contains("own") ? "own " : "") + [...m.querySelectorAll("header > *:not(time):not(.unseen)")].map((e) => e.textContent).join(", ") +
		": " + m.querySelector(".text").textContent).join("\n")`
	const notMine = "your name, but not from this page"
	want := "own : it is me\nalice, " + notMine + ": another alice\neve, writes as “alice\\u{fe0f}”: a look-alike\neve, writes as “alice”: eve\n" +
		"no name: nobody\nno name, writes as “\\u{3164}”: a filler"
	if got := eval[string](p, fmt.Sprintf(heads, "#messages")); got != want {
		t.Errorf("the page shows\n%s\nwant\n%s", got, want)
	}
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	p.hears("no name", "nobody")
	want = "own : it is me\nalice, " + notMine + ": another alice\neve, writes as “alice\\u{fe0f}”: a look-alike\neve, writes as “alice”: eve\n" +
		"no name: nobody\nno name, writes as “\\u{3164}”: a filler"
	if got := eval[string](p, fmt.Sprintf(heads, "#messages")); got != want {
		t.Errorf("loaded again, the page shows\n%s\nwant\n%s", got, want)
	}
}

// The page shows names and texts as the server's console does: by the same table,
// and for each character that both of them know.
func TestWebLooks(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../console/testdata/looks.txt")
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, `import("/text.js").then((m) => (window.looks = m, true))`)
	for line := range strings.Lines(string(table)) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		field, err := strconv.Unquote(columns[0])
		if err != nil {
			continue // a comment
		}
		got := eval[[]string](p, fmt.Sprintf("[looks.plainName(%s), looks.plain(%[1]s)]", quoted(field)))
		if fmt.Sprint(got) != fmt.Sprint(columns[1:]) {
			t.Errorf("%s is shown as %q, want %q", columns[0], got, columns[1:])
		}
	}
	visible := eval[[]string](p, `["plainName", "plain"].map((show) => {
		let all = "";
		for (let c = 0; c < 0x110000; c++) {
			const field = "a" + String.fromCodePoint(c) + "b";
			all += looks[show](field) === field ? "1" : "0";
		}
		return all;
	})`)
	for r := range unicode.MaxRune + 1 {
		if !utf8.ValidRune(r) || !unicode.IsGraphic(r) && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) {
			continue // not assigned, as far as Go knows
		}
		field := []byte("a" + string(r) + "b")
		for i, show := range []func(dst, field []byte) []byte{console.EscapeName, console.Escape} {
			if want := string(show(nil, field)) == string(field); (visible[i][r] == '1') != want {
				t.Errorf("%U: visible as it is is %v, want %v (0 is in a name, 1 in a text: %d)", r, !want, want, i)
			}
		}
	}
}

// Five thousand messages at once leave the page as quick as it was, and no
// larger than it may be.
func TestWebFlood(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	flood := join(t, srv.server, "flood")
	eval[bool](p, `(() => {
		window.longest = 0;
		let last = performance.now();
		const tick = () => {
			const now = performance.now();
			window.longest = Math.max(window.longest, now - last);
			last = now;
			requestAnimationFrame(tick);
		};
		requestAnimationFrame(tick);
		return true;
	})()`)
	const messages = 5000
	for i := range messages {
		flood.send(message("flood", fmt.Sprintf("number %d %s", i+1, strings.Repeat("x", i%300))))
	}
	flood.send(message("flood", "the last"))
	p.hears("flood", "the last")
	p.wait("all that stay", `document.querySelectorAll("#messages .message").length === 2000`)
	atBottom := `(() => { const m = document.getElementById("messages"); return m.scrollHeight - m.scrollTop - m.clientHeight < 2; })()`
	p.wait("the last message to be in view", atBottom)
	if longest := eval[float64](p, "window.longest"); longest > 3000 { // milliseconds, on a busy machine
		t.Errorf("the page stood still for %.0f ms", longest)
	}

	// The page stays at what is read above, and is told what is below.
	eval[int](p, `document.getElementById("messages").scrollTop = 3000`)
	p.wait("the scroll", `document.getElementById("messages").scrollTop === 3000`)
	before := eval[string](p, `document.elementFromPoint(500, 300).textContent`)
	flood.send(message("flood", "below"))
	p.wait("the button", `document.getElementById("new").textContent === "1 new ↓"`)
	if after := eval[string](p, `document.elementFromPoint(500, 300).textContent`); after != before {
		t.Errorf("the page moved from %q to %q", before, after)
	}
	p.click("#new")
	p.wait("the last message to be in view", atBottom)
	p.wait("the button to go", `document.getElementById("new").hidden`)
}

// A text that is longer than a message is sent in several, none of which ends
// within a character, also in browsers that can't tell where those end.
func TestWebSplit(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	tcp := join(t, srv.server, "bob")
	family := "👩\u200d👩\u200d👧\u200d👦" // 25 bytes
	text := strings.Repeat("a", 440) + strings.Repeat(family, 20) + strings.Repeat("e\u0301", 300) + strings.Repeat("ö", 500)
	for _, browser := range []string{"has Intl.Segmenter", "has none"} {
		p.say(text)
		p.click("#yes") // which is asked, as they are many
		for got := ""; got != text; {
			m := tcp.receive()
			part := string(m.Text())
			if part == "" || !strings.HasPrefix(text[len(got):], part) {
				t.Fatalf("%s: received %q after %d of %d bytes", browser, part, len(got), len(text))
			}
			got += part
			rest := text[len(got):]
			if strings.HasPrefix(rest, "\u200d") || strings.HasPrefix(rest, "\u0301") || strings.HasSuffix(part, "\u200d") {
				t.Errorf("%s: a part ends with %q before %.20q", browser, part[len(part)-8:], rest)
			}
		}
		eval[bool](p, "(Intl.Segmenter = undefined, true)")
	}
}

// By keyboard alone: join, write lines, send, look back, switch the sound on,
// and leave.
func TestWebKeyboard(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	tcp := join(t, srv.server, "bob")
	p.wait("the form", `document.activeElement.id === "name"`)
	p.press("alice")
	p.pressEnter()
	p.waitJoined("alice")
	p.wait("the box for a message", `document.activeElement.id === "text"`)
	p.press("one")
	p.pressShiftEnter()
	p.press("two")
	p.pressEnter()
	tcp.expect(message("alice", "one\ntwo"))
	p.pressEnter()
	p.press("three")
	p.pressEnter() // nothing is sent for nothing
	tcp.expect(message("alice", "three"))
	p.pressShiftTab()
	p.wait("the messages", `document.activeElement.id === "messages"`)
	p.pressShiftTab()
	p.wait("the settings", `document.activeElement.tagName === "SUMMARY"`)
	p.pressEnter()
	p.wait("the settings to open", `document.getElementById("settings").open`)
	for range 4 {
		if eval[string](p, "document.activeElement.id") == "sound" {
			break
		}
		p.press(kb.Tab)
	}
	p.press(" ")
	p.wait("the sound", `document.getElementById("sound").checked`)
	p.press(kb.Escape)
	p.wait("the settings to close", `!document.getElementById("settings").open`)
	p.pressEnter()
	p.press(kb.Tab, kb.Tab, kb.Tab, kb.Tab)
	p.wait("the way out", `document.activeElement.id === "leave"`)
	p.pressEnter()
	p.wait("the form", `document.activeElement.id === "name"`)
}

// A page that nobody looks at counts what is unread in its title.
func TestWebUnread(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	eval[bool](p, `(document.hasFocus = () => false, true)`)
	bob.send(message("bob", "one"))
	bob.send(message("bob", "two"))
	p.wait("the count", `document.title === "(2) sop-chat"`)
	eval[bool](p, `(delete document.hasFocus, dispatchEvent(new Event("focus")))`)
	p.wait("the count to go", `document.title === "sop-chat"`)
}

// What was said before is there for one that scrolls up, once, with its times,
// and can be found.
func TestWebHistory(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, replay := range []string{"0", "20"} {
		t.Run("replay "+replay, func(t *testing.T) {
			srv := startWeb(t, "--history", historyFile(t), "--replay", replay)
			bob := join(t, srv.server, "bob")
			const messages = 350
			for i := range messages {
				bob.send(message("bob", fmt.Sprintf("number %d", i+1)))
			}
			p := b.open(srv.link(), desktop)
			p.t = t
			p.join("alice")
			p.hears("bob", "number 350")
			p.say("my own")
			bob.expect(message("alice", "my own"))
			for p.count(".message") < messages+1 {
				n := p.count(".message")
				eval[int](p, `document.getElementById("messages").scrollTop = 0`)
				p.wait("older messages", fmt.Sprintf(`document.querySelectorAll(".message").length > %d`, n))
			}
			texts := eval[[]string](p, `[...document.querySelectorAll("#messages .text")].map((e) => e.textContent)`)
			for i, text := range texts {
				if want := fmt.Sprintf("number %d", i+1); i < messages && text != want || len(texts) != messages+1 {
					t.Fatalf("of %d messages, %d is %q", len(texts), i, text)
				}
			}
			p.click("#open-search")
			p.press("number 17")
			p.pressEnter()
			p.wait("the hit", `document.querySelector("#hits .text")?.textContent === "number 17"`)
		})
	}
}

// The key is in the address bar no longer than it takes to read it, and a page
// that is loaded again knows it all the same.
func TestWebKeyHidden(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	hidden := func(when string) {
		t.Helper()
		p.wait("the form", `document.getElementById("key").value !== ""`)
		if got, want := eval[string](p, "location.href"), fmt.Sprintf("http://127.0.0.1:%d/", srv.webPort); got != want {
			t.Errorf("%s the address is %q, want %q", when, got, want)
		}
		if got := eval[string](p, `document.getElementById("key").value`); got != key {
			t.Errorf("%s the key is %q", when, got)
		}
	}
	hidden("at first")
	p.do(chromedp.Reload())
	hidden("loaded again")
	p.join("alice")
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	p.click("#settings summary", "#leave")
	hidden("after leaving")
	p.do(chromedp.Reload())
	hidden("loaded again after leaving")
	eval[bool](p, `(location.hash = "#key=other%20one", true)`)
	p.wait("the other key", `document.getElementById("key").value === "other one" && location.hash === ""`)
}

// What is replayed when a page comes back to a server that was away is not shown
// a second time.
func TestWebReplayAgain(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	flags := []string{"--history", historyFile(t), "--replay", "20"}
	first := startWeb(t, flags...)
	p := b.open(first.link(), desktop)
	p.join("alice")
	bob := join(t, first.server, "bob")
	for i := range 5 {
		bob.send(message("bob", fmt.Sprintf("number %d", i+1)))
	}
	p.hears("bob", "number 5")
	p.say("my own")
	bob.expect(message("alice", "my own"))
	first.signal(syscall.SIGINT)
	first.expectEnd(0)
	second := startWebAt(t, first.port, first.webPort, flags...)
	p.waitJoined("alice")
	carol := join(t, second.server, "carol")
	carol.send(message("carol", "after"))
	p.hears("carol", "after")
	if n := p.count("#messages .message"); n != 7 {
		t.Errorf("%d messages are on the page, want 7", n)
	}
}

// The page fits a phone: nothing is cut off at the side, and what is to be
// touched is large enough.
func TestWebPhone(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), phone)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.send(message(strings.Repeat("n", 64), strings.Repeat("w", 448)))
	bob.send(message("bob", "https://example.com/"+strings.Repeat("long", 100)))
	p.say(strings.Repeat("a line\n", 30))
	p.wait("the messages", `document.querySelectorAll(".message").length === 3`)
	const wide = `[...document.querySelectorAll("body *")].filter((e) => !e.closest(".unseen, [hidden]") &&
		e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + "#" + e.id + "." + e.className)`
	if found := eval[[]string](p, wide); len(found) > 0 {
		t.Errorf("cut off at the side: %q", found)
	}
	if eval[bool](p, "document.documentElement.scrollHeight > innerHeight + 1") {
		t.Error("the page is higher than the screen")
	}
	small := eval[[]string](p, `[...document.querySelectorAll("button, summary, textarea")].filter((e) => e.offsetParent &&
		e.getBoundingClientRect().height < 36).map((e) => e.id || e.textContent)`)
	if len(small) > 0 {
		t.Errorf("too small to touch: %q", small)
	}
}

// audit checks what the page shows by all the rules that axe-core has.
func (p *page) audit(what string) {
	p.t.Helper()
	axe, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.Evaluate[chromedp.Void](string(axe)))
	for _, found := range eval[[]string](p, `axe.run(document, {rules: {"region": {enabled: true}}}).then((r) => r.violations.map((v) =>
		v.id + ": " + v.nodes.map((n) => n.html + " " + n.failureSummary).join("; ")))`) {
		p.t.Errorf("%s: %s", what, found)
	}
}

// Nothing on the page keeps anybody out, by all the rules that axe-core has.
func TestWebAudit(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"light", "dark"} {
		for _, size := range []screenSize{desktop, phone} {
			if scaled(0, 1) == 0 && (scheme == "dark") != (size == phone) {
				continue // each once, which is half of the pairs
			}
			t.Run(fmt.Sprintf("%s, %d wide", scheme, size.width), func(t *testing.T) {
				t.Parallel()
				auditAll(t, scheme, size)
			})
		}
	}
}

// auditAll audits all that the page shows while it is used.
func auditAll(t *testing.T, scheme string, size screenSize) {
	srv := startWeb(t, "--history", historyFile(t))
	l := startLink(t, srv.webPort)
	p := startBrowser(t).open(strings.TrimSuffix(l.invitation(), "#key="+key), size)
	p.prefer(scheme)
	p.wait("the form", `document.activeElement.id === "name"`)
	p.audit("the login form with a key")
	eval[bool](p, `(location.hash = "#key=`+key+`", true)`)
	p.wait("the key", `!document.getElementById("key").checkVisibility()`)
	p.audit("the login form")
	p.join("alice")
	bob := join(t, srv.server, "bob")
	for i := range 26 { // a name of each colour, or nearly
		bob.send(message(fmt.Sprintf("%c%d", 'a'+i, i), "hello \x1b https://example.com"))
	}
	for _, text := range []string{"code:\n\tx := 1", "/me waves", strings.Repeat("line\n", 30), "http://a@example.com"} {
		bob.send(message("carol", text)) // under another name
	}
	p.say("hello")
	p.say("```\ncode\n```")
	p.wait("the messages", `document.querySelectorAll(".message").length >= 32`)
	p.wait("the animations to end", `document.getAnimations().length === 0`)
	p.audit("the room")
	p.click("#settings summary")
	p.audit("the settings")
	p.wait("what the room offers", `!document.getElementById("open-search").hidden`)
	p.click("#recent summary")
	p.audit("who was here recently")
	p.click("#recent summary")
	p.click("#open-search")
	p.audit("the search")
	p.fill("#words", "hello")
	p.click("#find .main")
	p.wait("the hits", `document.querySelector("#hits .context")`)
	p.audit("what was found")
	p.click("#hits .context")
	p.wait("what is around", `document.querySelector("#hits .found")`)
	p.audit("what is around")
	p.press(kb.Escape)
	eval[bool](p, `(document.hasFocus = () => false, true)`)
	bob.say("hello, alice")
	p.wait("the divider", `document.querySelector(".unread + .mention, .unread + .day + .mention")`)
	eval[int](p, `document.getElementById("messages").scrollTop = 0`)
	l.lose(true, true)
	p.say("on its way")
	eval[int](p, `document.getElementById("messages").scrollTop = 0`)
	l.setDown(true)
	p.waitLost()
	p.say(strings.Repeat("long ", 85))
	p.press(strings.Repeat("long ", 85))
	p.wait("the banner and the states", `!document.getElementById("banner").hidden && !document.getElementById("length").hidden &&
		[...document.querySelectorAll(".state")].every((e) => getComputedStyle(e).opacity === "1")`)
	p.audit("a lost connection")
	p.click("#settings summary", "#leave")
	p.audit("the question")
	p.click("#yes")
}

// A port that is taken ends the server with words that say so.
func TestWebPortInUse(t *testing.T) {
	t.Parallel()
	first := startWeb(t)
	second := setup{flags: []string{"--web", fmt.Sprintf("127.0.0.1:%d", first.webPort)}}.launch(t)
	second.expectEnd(1)
	if said := second.stderr.String(); !strings.Contains(said, fmt.Sprintf("--web: port %d is already in use", first.webPort)) {
		t.Errorf("the server says:\n%s", said)
	}
}

// Behind a proxy that is trusted, the room is shown the address that the proxy
// gives; nobody else is believed.
func TestWebProxy(t *testing.T) {
	t.Parallel()
	for _, trusted := range []bool{true, false} {
		flags, want := []string{"--web-origin", "https://chat.example.com"}, `"web" from 127.0.0.1:`
		if trusted {
			flags, want = append(flags, "--trusted-proxy", "127.0.0.0/8"), `"web" from 198.51.100.7:0 `
		}
		srv := setup{flags: append(flags, "--web", fmt.Sprintf("127.0.0.1:%d", freePort(t)))}
		port := strings.TrimPrefix(srv.flags[len(srv.flags)-1], "127.0.0.1:")
		running := srv.start(t)
		running.stderr.waitForLine(t, "https://chat.example.com/")
		conn, _, err := websocket.Dial(t.Context(), "ws://127.0.0.1:"+port+"/ws", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
			Host:       "chat.example.com",
			HTTPHeader: http.Header{"X-Forwarded-For": {"203.0.113.5, 198.51.100.7"}, "Origin": {"https://chat.example.com"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		auth := message("web", key)
		if err := conn.Write(t.Context(), websocket.MessageBinary, auth[:]); err != nil {
			t.Fatal(err)
		}
		running.stdout.waitForLine(t, want)
	}
}
