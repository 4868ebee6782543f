package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// Sets of numbers, what frames there are, and which messages are one's own, by examples.
func TestWebNumbers(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	eval[bool](p, `Promise.all(["ranges", "wire", "numbers"].map((name) => import("/" + name + ".js"))).then((all) => (Object.assign(window, ...all), true))`)
	p.load("numbers.js")
	for _, wrong := range eval[[]string](p, "wrongNumbers()") {
		t.Error(wrong)
	}
}

// load runs scripts of testdata in the page.
func (p *page) load(names ...string) {
	p.t.Helper()
	for _, name := range names {
		script, err := os.ReadFile("testdata/page/" + name)
		if err != nil {
			p.t.Fatal(err)
		}
		p.do(chromedp.Evaluate[chromedp.Void](string(script)))
	}
}

// A page that loses connections at random, and whose server stops and is killed at
// random, shows everything once, in order and on the right side, says what is missing,
// and has everything that is said arrive once.
func TestWebSessionAtRandom(t *testing.T) {
	t.Parallel()
	p := startBrowser(t).open(startWeb(t).link(), desktop)
	p.load("room.js", "random.js")
	const atOnce = 10
	for seed := range scaled(20, 60) {
		for _, wrong := range eval[[]string](p, fmt.Sprintf("meetAll(%d, %d)", 1+seed*atOnce, atOnce)) {
			t.Error(wrong)
		}
	}
}
