package e2e

import (
	"fmt"
	"testing"
)

// startLog has the page show a list of messages that its test adds to, "add(name, text, days)".
// Numbers from 300 on mention the user.
const startLog = `Promise.all([import("/log.js"), import("/message.js")]).then(([{ Log }, { received }]) => {
	const [list, button] = [document.createElement("div"), document.createElement("button")];
	list.id = "messages";
	list.style.height = "400px";
	document.body.replaceChildren(list, button);
	const log = new Log(list, button, (message) => Number(message.text) >= 300);
	let number = 0;
	window.log = log;
	window.at = (name, text, days) => received({ name, text, number: ++number, time: new Date(Date.now() + days * 86400000) }, "alice");
	window.add = (name, text, days) => log.add(at(name, text, days));
	return true;
})`

// turnClock has the page's clock show another time, by as many days.
const turnClock = `(() => {
	const Real = Date;
	window.days = 0;
	window.Date = class extends Real {
		constructor(...rest) { super(...(rest.length > 0 ? rest : [Date.now()])); }
		static now() { return Real.now() + window.days * 86400000; }
	};
	return true;
})()`

const shownDays = `[...document.querySelectorAll("#messages > *")].map((e) => e.className === "day" ? "<" + e.textContent + ">" : e.querySelector(".text").textContent)`

// What separates days says which day it was, also after midnight.
func TestWebMidnight(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, turnClock)
	eval[bool](p, startLog)
	eval[bool](p, `(add("bob", "one", -1), add("bob", "two", 0), true)`)
	days := func(want ...string) {
		t.Helper()
		p.wait(fmt.Sprint(want), fmt.Sprintf(`JSON.stringify(%s) === JSON.stringify(%s)`, shownDays, quotedList(want)))
	}
	days("<Yesterday>", "one", "<Today>", "two")
	eval[int](p, `window.days = 1`)
	dayBefore := eval[string](p, `new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(Date.now() - 2 * 86400000))`)
	days("<"+dayBefore+">", "one", "<Yesterday>", "two")
	eval[bool](p, `(add("bob", "three", 0), true)`)
	days("<"+dayBefore+">", "one", "<Yesterday>", "two", "<Today>", "three")
}

// The first message on the page has its day above it, also when those before it have left,
// and when they are loaded again.
func TestWebFirstDay(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.open(startWeb(t).link(), desktop)
	eval[bool](p, startLog)
	eval[bool](p, `(() => {
		for (let i = 0; i < 2000; i++) add("bob", "old", -1);
		return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));
	})()`)
	eval[bool](p, `(add("bob", "new", 0), true)`)
	p.wait("the new one", `document.querySelectorAll(".message").length === 2000 && document.querySelectorAll(".day").length === 2`)
	first := eval[[]string](p, shownDays+`.slice(0, 2)`)
	if want := []string{"<Yesterday>", "old"}; fmt.Sprint(first) != fmt.Sprint(want) {
		t.Errorf("the page begins with %q, want %q", first, want)
	}
	eval[bool](p, `new Promise((done) => {
		const list = document.getElementById("messages");
		list.addEventListener("scroll", () => done(true), { once: true });
		list.scrollTop = 0;
	})`)
	eval[bool](p, `(log.prepend([at("bob", "older", -1)]), true)`)
	all := eval[[]string](p, shownDays)
	if got := append(all[:3:3], all[len(all)-2:]...); fmt.Sprint(got) != "[<Yesterday> older old <Today> new]" {
		t.Errorf("with older ones the page begins and ends with %q", got)
	}
}

// Twenty messages of one line are in view on a desktop, each with its name; the time of
// one that follows another is seen while it is pointed at.
func TestWebDense(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), screenSize{1280, 800})
	p.join("alice")
	bob, carol := join(t, srv.server, "bob"), join(t, srv.server, "carol")
	for i := range 30 {
		bob.send(message("bob", fmt.Sprint("number ", i)))
		carol.receive()
		carol.send(message("carol", fmt.Sprint("answer ", i)))
		bob.receive()
	}
	p.hears("carol", "answer 29")
	const inView = `(() => {
		const { top, bottom } = document.getElementById("messages").getBoundingClientRect();
		return [...document.querySelectorAll(".message")].map((m) => m.getBoundingClientRect()).filter((m) => m.top >= top && m.bottom <= bottom).length;
	})()`
	if n := eval[int](p, inView); n < 20 {
		t.Errorf("%d messages are in view, want 20", n)
	}
	carol.send(message("carol", "and so on"))
	p.hears("carol", "and so on")
	const time = `getComputedStyle([...document.querySelectorAll(".message")].at(-1).querySelector("time")).opacity`
	if got := eval[string](p, time); got != "0" {
		t.Errorf("the time of what follows has the opacity %q", got)
	}
	p.click(".message:last-child .text") // which points at it
	p.wait("the time", time+` === "1"`)
}

func quotedList(texts []string) string {
	list := ""
	for _, text := range texts {
		list += quoted(text) + ","
	}
	return "[" + list + "]"
}
