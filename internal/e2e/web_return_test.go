package e2e

import (
	"fmt"
	"math"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// rows returns what the page shows: messages as "name: text", without the name if they
// are its own, with "…" if they have not arrived, and remarks.
func (p *page) rows() []string {
	p.t.Helper()
	return eval[[]string](p, `[...document.querySelectorAll("#messages .message, #messages .note")].map((e) =>
		e.classList.contains("note") ? "- " + e.textContent :
		(e.classList.contains("unsent") ? "… " : "") + (e.classList.contains("own") ? "" : e.querySelector("b").textContent + ": ") +
		e.querySelector(".text").textContent)`)
}

// shows waits until the page shows these rows and no others.
func (p *page) shows(want ...string) {
	p.t.Helper()
	var got []string
	defer func() {
		if p.t.Failed() {
			p.t.Logf("the page shows %q, want %q", got, want)
		}
	}()
	eventually(p.t, "what the page shows", func() bool {
		got = p.rows()
		return slices.Equal(got, want)
	})
}

// numbers are the texts of rows from bob.
func numbers(first, last int) (rows []string) {
	for n := first; n <= last; n++ {
		rows = append(rows, fmt.Sprintf("bob: number %d", n))
	}
	return rows
}

func (c *client) sayNumbers(first, last int) {
	c.t.Helper()
	for _, row := range numbers(first, last) {
		c.say(strings.TrimPrefix(row, "bob: "))
	}
}

func (p *page) waitLost() {
	p.t.Helper()
	p.wait("the loss", `document.getElementById("status").classList.contains("lost")`)
}

// What is said while a page is not connected is there when it comes back, once,
// whatever it looks like: from the log, or, if it is too much for that, from the
// history. Without one, the page says how much is missing.
func TestWebMissed(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, test := range []struct {
		name    string
		flags   []string
		missed  int
		missing int
	}{
		{"few", []string{"--replay", "20"}, 3, 0},
		{"many", nil, 700, 700 + 2 - 512},
		{"many with a history", []string{"--history", historyFile(t)}, 700, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := startWeb(t, test.flags...)
			l := startLink(t, srv.webPort)
			p := b.open(l.invitation(), desktop)
			p.t = t
			p.join("alice")
			bob, carol := join(t, srv.server, "bob"), join(t, srv.server, "carol")
			bob.say("ok")
			p.shows("bob: ok")
			carol.receive()
			l.setDown(true)
			p.waitLost()
			p.say("written meanwhile")
			bob.say("ok")
			bob.sayNumbers(1, test.missed)
			for range 1 + test.missed {
				carol.receive()
			}
			carol.say("the last")
			bob.receive()
			l.setDown(false)
			p.waitJoined("alice")
			bob.expect(message("alice", "written meanwhile"))
			want := []string{"bob: ok"}
			if test.missing > 0 {
				want = append(want, fmt.Sprintf("- %d messages are missing here.", test.missing))
				want = append(want, numbers(test.missing, test.missed)...)
			} else {
				want = append(want, "bob: ok")
				want = append(want, numbers(1, test.missed)...)
			}
			p.shows(append(want, "carol: the last", "written meanwhile")...)
		})
	}
}

// A message that was said before the connection broke is shown as arrived when it is
// known to be in the room, and is sent again, once, if it is not.
func TestWebUnacknowledged(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.say("hello")
	p.shows("bob: hello")

	l.lose(false, true)
	p.say("arrives")
	p.say("arrives")
	bob.expect(message("alice", "arrives"), message("alice", "arrives"))
	bob.say("between")
	p.shows("bob: hello", "… arrives", "… arrives")
	l.cut()
	p.waitJoined("alice")
	p.shows("bob: hello", "arrives", "arrives", "bob: between")

	l.lose(true, false)
	p.say("does not arrive")
	p.shows("bob: hello", "arrives", "arrives", "bob: between", "… does not arrive")
	bob.say("first")
	l.cut()
	bob.expect(message("alice", "does not arrive"))
	p.shows("bob: hello", "arrives", "arrives", "bob: between", "bob: first", "does not arrive")
	p.say("the end")
	bob.expect(message("alice", "the end"))
	p.shows("bob: hello", "arrives", "arrives", "bob: between", "bob: first", "does not arrive", "the end")

	// The same when the page is loaded again meanwhile. Without a history, it only has
	// what came since.
	l.lose(false, true)
	p.say("arrives too")
	bob.expect(message("alice", "arrives too"))
	l.lose(true, true)
	p.say("does not")
	p.do(chromedp.Navigate("about:blank"))
	l.cut()
	p.do(chromedp.Navigate(fmt.Sprintf("http://127.0.0.1:%d/", l.port)))
	p.waitJoined("alice")
	bob.expect(message("alice", "does not"))
	p.shows("arrives too", "does not")
	p.say("once")
	bob.expect(message("alice", "once"))
}

// A page that came before the first message misses none of them either.
func TestWebMissedFirst(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	l.lose(false, true)
	p.say("hello")
	bob.expect(message("alice", "hello"))
	bob.say("hi")
	l.cut()
	p.shows("hello", "bob: hi")
	p.say("how are you?")
	bob.expect(message("alice", "how are you?"))
}

// A connection that is dead, though nobody says so, is noticed: by a message that is not
// acknowledged, and by a gap in time as it is after sleep.
func TestWebDeadConnection(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	for _, test := range []struct{ name, notice string }{
		{"unacknowledged", "(window.past = 16_000, true)"},
		{"asleep", "(window.past = 100_000, true)"},
		{"back in sight", `document.dispatchEvent(new Event("visibilitychange"))`},
		{"in focus", `dispatchEvent(new Event("focus"))`},
		{"on another network", `dispatchEvent(new Event("online"))`},
		{"out of the cache", `dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := startLink(t, srv.webPort)
			p := b.open(l.invitation(), desktop)
			p.t = t
			eval[bool](p, `(() => {
				const now = Date.now;
				window.past = 0;
				Date.now = () => now() + window.past;
				const { classList } = document.getElementById("status");
				new MutationObserver(() => classList.contains("lost") && (window.lostAt ??= performance.now())).observe(
					document.getElementById("status"), { attributes: true });
				return true;
			})()`)
			bob := join(t, srv.server, "bob")
			p.join("alice")
			bob.say("hi")
			p.shows("bob: hi")
			l.lose(true, true)
			bob.say("while it was dead")
			want := []string{"bob: hi", "bob: while it was dead"}
			if test.name == "unacknowledged" {
				p.say("hello")
				p.shows("bob: hi", "… hello")
				want = append(want, "hello")
			}
			began := eval[float64](p, `(delete window.lostAt, performance.now())`)
			eval[bool](p, test.notice)
			p.wait("the loss", "window.lostAt")
			const most = 10_000 // milliseconds; two or three, on a machine that has time, and else much longer
			if took := eval[float64](p, "window.lostAt") - began; took > most {
				t.Errorf("it is noticed after %.0f ms, want %d", took, most)
			}
			p.shows(want...)
			p.waitJoined("alice")
			p.click("#settings summary", "#leave")
			bob.Close()
		})
	}
}

// A connection that works is kept, whatever gives rise to doubts.
func TestWebProbe(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--max-clients", "2")
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	eval[bool](p, `(() => {
		const { send } = WebSocket.prototype;
		window.probes = 0;
		WebSocket.prototype.send = function (data) {
			window.probes += data.length === 0 ? 1 : 0;
			return send.call(this, data);
		};
		dispatchEvent(new Event("focus"));
		document.dispatchEvent(new Event("visibilitychange"));
		const real = Date.now;
		Date.now = () => real() + 100_000;
		return true;
	})()`)
	p.wait("two probes", "window.probes === 2") // the one of the focus, and that of the gap
	asked := time.Now()
	p.wait("their answers to be late", fmt.Sprintf("performance.timeOrigin + performance.now() > %d", asked.Add(3*time.Second).UnixMilli()))
	p.say("hello")
	bob.expect(message("alice", "hello"))
	if log := srv.stdout.String(); strings.Contains(log, `"alice" left`) {
		t.Errorf("the connection was given up:\n%s", log)
	}
}

// A server that was killed has lost what it had not written. The page still shows it,
// before what comes, and takes nothing else for it.
func TestWebKilled(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	flags := []string{"--history", historyFile(t), "--history-sync", "1h"}
	first := startWeb(t, flags...)
	p := b.open(first.link(), desktop)
	p.join("alice")
	bob := join(t, first.server, "bob")
	bob.sayNumbers(1, 2)
	p.hears("bob", "number 2")
	first.signal(syscall.SIGINT)
	first.expectEnd(0)
	second := startWebAt(t, first.port, first.webPort, flags...)
	p.waitJoined("alice")
	bob = join(t, second.server, "bob")
	bob.sayNumbers(3, 4)
	p.hears("bob", "number 4")
	p.say("lost")
	bob.expect(message("alice", "lost"))
	p.shows(append(numbers(1, 4), "lost")...)
	second.kill()
	third := startWebAt(t, first.port, first.webPort, flags[:2]...)
	bob = join(t, third.server, "bob")
	bob.sayNumbers(5, 7)
	p.waitJoined("alice")
	p.shows(append(append(numbers(1, 4), "lost"), numbers(5, 7)...)...)

	// Loaded again, it shows what the room has. Nothing of it was said here.
	p.say("again")
	bob.expect(message("alice", "again"))
	p.do(chromedp.Reload())
	p.shows(append(append(numbers(1, 2), numbers(5, 7)...), "again")...)
}

// A page that is loaded again shows its own messages as its own, and when all of them
// were said, whether they come from the log or from the history.
func TestWebOwnAgain(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, flags := range [][]string{{"--replay", "20"}, {"--history", historyFile(t)}, {"--history", historyFile(t), "--replay", "2"}} {
		t.Run(strings.Join(flags[:1], " "), func(t *testing.T) {
			srv := startWeb(t, flags...)
			p := b.open(srv.link(), desktop)
			p.t = t
			p.join("alice")
			bob, other := join(t, srv.server, "bob"), join(t, srv.server, "alice")
			p.say("it is me")
			bob.expect(message("alice", "it is me"))
			other.say("it is me")
			bob.expect(message("alice", "it is me"))
			bob.say("and this is bob")
			want := []string{"it is me", "alice: it is me", "bob: and this is bob"}
			p.shows(want...)
			const times = `[...document.querySelectorAll("#messages time")].map((e) => Date.parse(e.dateTime))`
			said := eval[[]float64](p, times)
			p.wait("time to pass", fmt.Sprintf(`Date.now() > %v + 3000`, said[len(said)-1]))
			p.do(chromedp.Reload())
			p.shows(want...)
			for i, at := range eval[[]float64](p, times) { // a frame has the time of its first message, within a second
				if math.Abs(at-said[i]) > 1000 {
					t.Errorf("what was said at %v is shown as said at %v", said[i], at)
				}
			}
			p.click("#settings summary", "#leave")
			p.join("alice")
			p.shows(want...)
		})
	}
}

// What is replayed and what comes from the history are joined by their numbers,
// whatever is in them: bytes that are not UTF-8, byte order marks, and equal texts.
func TestWebReplayedOnce(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--history", historyFile(t), "--replay", "150")
	bob := join(t, srv.server, "bob")
	texts := []string{
		"cut in a character \xe6\x97", "\ufeffafter a mark", "\xff\xfe", "\xed\xa0\x80", "\xc0\x80", "\ufffd", "a\xe6\x97\xa5b", "ok", "ok",
	}
	shown := []string{
		`cut in a character \xe6\x97`, `\u{feff}after a mark`, `\xff\xfe`, `\xed\xa0\x80`, `\xc0\x80`, "\ufffd", "a日b", "ok", "ok",
	}
	var want []string
	for len(want) < 300 {
		for i, text := range texts {
			bob.say(text)
			want = append(want, "bob: "+shown[i])
		}
	}
	p := b.open(srv.link(), desktop)
	p.join("alice")
	p.wait("the replay", `document.querySelectorAll(".message").length >= 150`)
	p.scrollToAll(len(want))
	p.shows(want...)
	p.click("#open-search")
	p.press("mark")
	p.pressEnter()
	p.wait("the hits", `document.querySelector("#hits .text")?.textContent === "\\u{feff}after a mark"`)
}

// scrollToAll scrolls up until there are so many messages.
func (p *page) scrollToAll(n int) {
	p.t.Helper()
	for p.count(".message") < n {
		before := p.count(".message")
		eval[int](p, `document.getElementById("messages").scrollTop = 0`)
		p.wait("older messages", fmt.Sprintf(`document.querySelectorAll(".message").length > %d`, before))
	}
}

// In a page that has been open for longer than it keeps messages, none is missing when
// one scrolls up; nor in one that missed more than it keeps.
func TestWebNoHole(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--history", historyFile(t))
	l := startLink(t, srv.webPort)
	p := b.open(l.invitation(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.sayNumbers(1, 2500)
	p.hears("bob", "number 2500")
	p.wait("the first to leave", `document.querySelectorAll(".message").length === 2000`)
	p.scrollToAll(2500)
	p.shows(numbers(1, 2500)...)

	eval[int](p, `document.getElementById("messages").scrollTop = 1e9`)
	l.lose(false, true)
	p.say("just before")
	bob.expect(message("alice", "just before"))
	l.setDown(true)
	p.waitLost()
	bob.sayNumbers(2501, 5200)
	l.setDown(false)
	p.waitJoined("alice")
	p.hears("bob", "number 5200")
	if n := p.count(".note"); n > 0 {
		t.Errorf("%q", p.rows())
	}
	p.scrollToAll(2800)
	want := append(append(numbers(1, 2500), "just before"), numbers(2501, 5200)...)
	got := p.rows()
	if i := len(want) - len(got); i < 0 || !slices.Equal(got, want[i:]) {
		t.Errorf("the page shows %d rows from %q to %q", len(got), got[0], got[len(got)-1])
	}
}

// If what answers does not know the page's subprotocol, as an older server does not, the
// page says so.
func TestWebOlderServer(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	target := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", srv.webPort)}
	older := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.Out.Header.Del("Sec-WebSocket-Protocol")
	}})
	t.Cleanup(older.Close)
	p := b.open(older.URL+"/#key="+key, desktop)
	p.wait("the form", `document.activeElement.id === "name"`)
	p.fill("#name", "alice")
	p.click("#join .main")
	p.wait("the reason", `document.getElementById("refusal").textContent.includes("sop-chat.v2")`)
}

// Pages that lose the server at the same time come back over several seconds, at random,
// and ever more slowly; one that lost only its connection soon.
func TestWebPauses(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	windows := eval[[][]float64](p, `import("/pause.js").then((m) => [1006, 1001, 1012].map((code) => [0, 1, 2, 3, 9, 1e9].map((n) => m.window(n, code))))`)
	if got, want := fmt.Sprint(windows), "[[3000 6000 12000 16000 16000 16000] [8000 16000 16000 16000 16000 16000] [8000 16000 16000 16000 16000 16000]]"; got != want {
		t.Errorf("the windows are %v, want %v", got, want)
	}
	p.load("room.js")
	pauses := eval[[]float64](p, `import("/connection.js").then((m) => {
		const real = { setTimeout, WebSocket };
		const pauses = [];
		let socket;
		window.WebSocket = class { constructor() { socket = this; } close() {} };
		window.setTimeout = (f, time) => { pauses.push(time); };
		const on = { claim: () => null, at: () => ({}), isAwaiting: () => false, broken() {}, lost() {} };
		for (let i = 0; i < 1000; i++) {
			const connection = new m.Connection(on);
			connection.join("alice", "key", true);
			socket.onclose({ code: 1001 });
			connection.leave();
		}
		Object.assign(window, real);
		return pauses;
	})`)
	slices.Sort(pauses)
	if len(pauses) != 1000 || pauses[100] > 2000 || pauses[500] < 3000 || pauses[500] > 5000 || pauses[900] < 6000 || pauses[999] > 8000 {
		t.Errorf("%d pauses, from %v to %v, of which half are below %v", len(pauses), pauses[0], pauses[len(pauses)-1], pauses[len(pauses)/2])
	}
}
