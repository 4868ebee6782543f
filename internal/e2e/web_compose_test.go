package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// In an empty box, Up brings back what was sent, the last first, and Down goes forth
// again. What is typed is not touched.
func TestWebRecall(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	p.join("alice")
	box := func(want string) {
		t.Helper()
		p.wait(fmt.Sprintf("%q in the box", want), fmt.Sprintf(`document.getElementById("text").value === %s`, quoted(want)))
	}
	for _, text := range []string{"one", "two\nlines"} {
		p.say(text)
	}
	p.press(kb.ArrowUp)
	box("two\nlines")
	p.press(kb.ArrowUp)
	box("one")
	p.press(kb.ArrowUp)
	box("one")
	p.press(kb.ArrowDown)
	box("two\nlines")
	p.press(kb.ArrowDown)
	box("")
	p.press(kb.ArrowUp, "!", kb.ArrowUp, kb.ArrowUp, kb.ArrowUp)
	box("two\nlines!")
	p.pressEnter()
	p.shows("one", "two\nlines", "two\nlines!")
}

// The Enter that ends an input method's word sends nothing, whichever way the browser says
// whose it is.
func TestWebInputMethod(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	p.join("alice")
	p.press("日本")
	for _, event := range []string{"isComposing: true", "keyCode: 229"} {
		eval[bool](p, fmt.Sprintf(`document.getElementById("text").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", %s }))`, event))
	}
	p.press("語")
	p.pressEnter()
	p.shows("日本語")
}

// A text that is longer than a message is cut between lines or words, says so before, and
// asks if it becomes many messages.
func TestWebLong(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	counter := func(want string) {
		t.Helper()
		p.wait("the counter "+want, fmt.Sprintf(`(document.getElementById("length").hidden ? "" : document.getElementById("length").textContent) === %s`, quoted(want)))
	}
	word := "sixteen bytes är "       // 18
	p.press(strings.Repeat(word, 22)) // 396
	counter("")
	p.press("more")
	counter("400 of 448 bytes")
	p.press(strings.Repeat("x", 44))
	counter("444 of 448 bytes")
	p.press(strings.Repeat("x", 5))
	counter("449 bytes, sent as 2 messages")
	p.pressEnter()
	bob.expect(message("alice", strings.TrimSuffix(strings.Repeat(word, 22), " ")), message("alice", "more"+strings.Repeat("x", 49)))
	counter("")

	line := strings.Repeat("y", 299)
	lines := strings.Repeat(line+"\n", 6)
	p.fill("#text", lines+"end")
	p.pressEnter()
	const asked = `document.getElementById("ask").open && document.getElementById("question").textContent === "This will be sent as 6 messages."`
	p.wait("the question", asked)
	p.press(kb.Escape)
	p.wait("the box", fmt.Sprintf(`document.activeElement.value === %s`, quoted(lines+"end")))
	p.pressEnter()
	p.wait("the question", asked)
	p.click("#yes")
	for range 5 {
		bob.expect(message("alice", line))
	}
	bob.expect(message("alice", line+"\nend"))
}

// A question that is asked right after another was answered has an answer of its own.
func TestWebAskAgain(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	p.join("alice")
	got := eval[[]bool](p, `(async () => {
		const { ask } = await import("./ask.js");
		const first = ask("first", "Yes");
		document.getElementById("no").click();
		const second = ask("second", "Yes");
		await new Promise((done) => setTimeout(done, 100));
		document.getElementById("yes").click();
		return [await first, await second];
	})()`)
	if want := []bool{false, true}; !slices.Equal(got, want) {
		t.Errorf("the answers are %v, want %v", got, want)
	}
}
