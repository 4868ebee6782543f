package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Of thirty thousand messages at once the last are on the screen within seconds; the others
// that stay on the page follow.
func TestWebBurst(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--console", "off")
	p := b.open(srv.link(), desktop)
	p.join("alice")
	flood := join(t, srv.server, "flood")
	const messages = 30_000
	var burst []byte
	for i := range messages {
		m := message("flood", fmt.Sprintf("number %d %s", i+1, strings.Repeat("x", i%300)))
		burst = append(burst, m[:]...)
	}
	last := message("flood", "the last")
	burst = append(burst, last[:]...)
	began := time.Now()
	if _, err := flood.Write(burst); err != nil {
		t.Fatal(err)
	}
	p.hears("flood", "the last")
	took := time.Since(began)
	p.wait("all that stay", `document.querySelectorAll("#messages .message").length === 2000`)
	t.Logf("the last is on the page after %v, all after %v", took, time.Since(began))
	texts := eval[[]string](p, `[...document.querySelectorAll("#messages .text")].map((e) => e.textContent)`)
	for i, text := range texts[:len(texts)-1] {
		if want := fmt.Sprintf("number %d ", messages-1998+i); !strings.HasPrefix(text, want) {
			t.Fatalf("message %d of those that stay is %.20q, want %q", i, text, want)
		}
	}
	if names, days := p.count("#messages .message:not(.follows)"), p.count("#messages .day"); names != 1 || days != 1 {
		t.Errorf("%d messages have a name, and there are %d days, want one of both", names, days)
	}
	p.wait("the last message to be in view", `(() => { const m = document.getElementById("messages"); return m.scrollHeight - m.scrollTop - m.clientHeight < 2; })()`)
}

// A page that takes long to draw what comes without a pause leaves four times as long to
// everything else, up to a quarter of a second.
func TestWebRest(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, startLog)
	rests := eval[[]float64](p, `(async () => {
		const rests = [];
		let ended = 0;
		const list = document.getElementById("messages");
		list.insertBefore = (node, before) => {
			const began = performance.now();
			if (ended > 0) rests.push(began - ended);
			while (performance.now() < began + 40);
			Element.prototype.insertBefore.call(list, node, before);
			ended = performance.now();
		};
		for (let i = 0; rests.length < 5; i++) {
			add("bob", String(i), 0);
			await new Promise((done) => setTimeout(done, 5));
		}
		return rests;
	})()`)
	for _, rest := range rests {
		if rest < 4*40 {
			t.Errorf("it draws again after %v ms", rest)
		}
	}
	p.wait("all", `document.querySelectorAll("#messages .message").length > 50`)
}

// Nothing is lost or moved where bursts come before the last one is drawn: remarks, days,
// what is said here, what was there before, mentions, and where one has read up to.
func TestWebBursts(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, startLog)
	eval[bool](p, `(async () => {
		const frame = () => new Promise(requestAnimationFrame);
		window.item = { name: "alice", text: "mine", own: true, unsent: true, time: new Date() };
		add("bob", "0", -1);
		await frame();
		log.say(item);
		log.say({ ...item, text: "waits" });
		for (let i = 1; i < 150; i++) add("bob", String(i), -1);
		log.add(Object.assign(item, { number: 151, unsent: false }));
		log.note("a remark");
		document.hasFocus = () => false;
		for (let i = 150; i < 400; i++) log.add(at("bob", String(i), 0), true);
		await frame();
		await frame();
		for (let i = 400; i < 600; i++) add("bob", String(i), 0);
		await frame();
		log.prepend([at("bob", "older", -1)]);
		return true;
	})()`)
	var want []string
	want = append(want, "<Yesterday>", "older")
	for i := range 600 {
		if i == 150 {
			want = append(want, "<Today>", "mine", "a remark", "New")
		}
		want = append(want, fmt.Sprint(i))
	}
	want = append(want, "waits")
	const shown = `[...document.querySelectorAll("#messages > *")].map((e) => e.className === "day" ? "<" + e.textContent + ">" : (e.querySelector(".text") ?? e).textContent)`
	p.wait("the last", `document.querySelectorAll("#messages .message").length === 603`)
	if got := eval[[]string](p, shown); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the page shows %q", got)
	}
	if n := p.count(".mention"); n != 300 {
		t.Errorf("%d messages are marked as mentions, want 300", n)
	}

	// What is answered is not unread when it is drawn again.
	eval[bool](p, `(async () => {
		for (let i = 600; i < 900; i++) log.add(at("bob", String(i), 0), true);
		await new Promise(requestAnimationFrame);
		await new Promise(requestAnimationFrame);
		log.say({ ...item, number: undefined, text: "answer" });
		return true;
	})()`)
	p.wait("the last", `document.querySelectorAll("#messages .message").length === 904`)
	if n := p.count(".unread"); n != 0 {
		t.Errorf("%d dividers are there, want none", n)
	}
}
