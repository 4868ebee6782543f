package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"sop-chat/internal/chromium"
	"sop-chat/internal/testenv"
)

// A browser is a profile of a running Chromium.
type browser struct {
	t       testing.TB
	ctx     context.Context
	profile cdp.BrowserContextID // empty for the one Chromium starts with
}

// shared is the process that tests share, because starting one takes about as long as
// a test.
var shared struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// startBrowser returns a new profile of the Chromium that tests share. It has its own
// storage, service workers and connections.
func startBrowser(t testing.TB) *browser {
	t.Helper()
	path := findChromium(t)
	shared.once.Do(func() { shared.ctx, shared.stop, shared.err = chromium.Start(path, testTimeout) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	running := chromedp.FromContext(shared.ctx).Browser
	ctx, cancel := context.WithTimeout(shared.ctx, testTimeout)
	defer cancel()
	profile, err := cdp.Call(ctx, running, target.CreateBrowserContext, target.CreateBrowserContextParams{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(shared.ctx, testTimeout)
		defer cancel()
		if _, err := cdp.Call(ctx, running, target.DisposeBrowserContext, target.DisposeBrowserContextParams(profile)); err != nil {
			t.Error(err)
		}
	})
	return &browser{t, shared.ctx, profile.BrowserContextID}
}

// startOwnBrowser runs a Chromium for one test. Its profile is an ordinary one; those of
// startBrowser are incognito, where nothing can be installed.
func startOwnBrowser(t testing.TB) *browser {
	t.Helper()
	ctx, stop, err := chromium.Start(findChromium(t), testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return &browser{t, ctx, ""}
}

func findChromium(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		testenv.Lacks(t, "chromium")
	}
	return path
}

// A page is a tab of a browser in which the server's page is open.
type page struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	errors []string // what the browser complains about
	asked  int      // how many times it asked whether the page may be left, which is answered with yes
}

// A screenSize is that of a window, in CSS pixels.
type screenSize struct{ width, height int64 }

var (
	desktop = screenSize{1100, 760}
	phone   = screenSize{390, 740}
)

// open opens the server's page in a tab. When the test ends, scripts must not
// have failed, and nothing must have been asked for that the policy forbids.
func (b *browser) open(url string, size screenSize) *page {
	b.t.Helper()
	p := &page{t: b.t}
	options := []chromedp.ContextOption{chromedp.WithListener(p.listen)}
	if b.profile != "" {
		options = append(options, chromedp.WithExistingBrowserContext(b.profile))
	}
	ctx, cancel := chromedp.NewContext(b.ctx, options...)
	p.ctx = ctx
	if err := chromedp.Do(ctx); err != nil { // it must not have a deadline
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		p.mu.Lock()
		for _, e := range p.errors {
			b.t.Errorf("the browser complains: %s", e)
		}
		p.mu.Unlock()
		p.leave() // which tests that have changed the page may make fail
		cancel()
	})
	scale := chromedp.EmulateScale(1)
	if size == phone {
		scale = chromedp.EmulateMobile
	}
	p.do(chromedp.EmulateViewport(size.width, size.height, scale), chromedp.Navigate(url))
	return p
}

// leave has the tab show nothing, so that no more events come of it. Of a tab that was
// closed meanwhile, chromedp reads none, and when 1,024 wait it hangs, and all other tabs do.
func (p *page) leave() {
	ctx, cancel := context.WithTimeout(p.ctx, testTimeout)
	defer cancel()
	chromedp.Do(ctx, chromedp.Navigate("about:blank")) // fails if the tab is gone
}

func (p *page) listen(event any) {
	var complaint string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complaint = e.ExceptionDetails.Text
	case *cdppage.EventJavascriptDialogOpening:
		p.mu.Lock()
		p.asked++
		p.mu.Unlock()
		go chromedp.Do(p.ctx, func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
			_, err = cdp.Call(ctx, t, cdppage.HandleJavaScriptDialog, cdppage.HandleJavaScriptDialogParams{Accept: true})
			return none, err
		})
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork { // servers may be away
			complaint = e.Entry.Text
		}
	}
	if complaint != "" {
		p.mu.Lock()
		p.errors = append(p.errors, complaint)
		p.mu.Unlock()
	}
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, testTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval returns the value of an expression in the page, a promise's too.
func eval[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, testTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// wait waits until an expression is true, in the page or in one that replaces it: what was
// asked of a page that is being replaced may never be answered.
func (p *page) wait(what, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, testTimeout)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		isTrue, err := p.ask(ctx, "Boolean("+expression+")")
		if isTrue {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.t.Fatalf("in vain waited %v for %s (last: %v); the page shows:\n%s", testTimeout, what, err, eval[string](p, "document.body.innerText"))
		}
	}
}

func (p *page) ask(ctx context.Context, expression string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout/10)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[bool](expression, chromedp.EvalAwaitPromise))
}

// fill replaces what is in a field.
func (p *page) fill(selector, text string) {
	p.t.Helper()
	p.do(chromedp.SetValue(chromedp.CSS(selector), text))
}

func (p *page) click(selectors ...string) {
	p.t.Helper()
	for _, selector := range selectors {
		p.do(chromedp.Click(chromedp.CSS(selector)))
	}
}

// press types texts and presses keys, those of package kb.
func (p *page) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		p.do(chromedp.KeyEvent(k))
	}
}

// hold presses a key while others are held, as a keyboard
// does: what the page makes of the key decides whether it becomes a character.
func (p *page) hold(modifiers chromedp.Modifier, key, text string, code int64) {
	p.t.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		p.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
			_, err = cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{
				Type: kind, Modifiers: int64(modifiers), Key: key, Code: key, Text: text, WindowsVirtualKeyCode: code,
			})
			return none, err
		})
		text = "" // of the second event
	}
}

func (p *page) pressEnter()      { p.t.Helper(); p.hold(0, "Enter", "\r", 13) }
func (p *page) pressShiftEnter() { p.t.Helper(); p.hold(chromedp.ModifierShift, "Enter", "\r", 13) }
func (p *page) pressShiftTab()   { p.t.Helper(); p.hold(chromedp.ModifierShift, "Tab", "", 9) }

// join joins by an invitation link.
func (p *page) join(name string) {
	p.t.Helper()
	p.wait("the form", `document.activeElement.tagName === "INPUT"`)
	p.fill("#name", name)
	p.click("#join .main")
	p.waitJoined(name)
}

func (p *page) waitJoined(name string) {
	p.t.Helper()
	p.wait("joining as "+name, fmt.Sprintf(`!document.getElementById("room").hidden &&
		document.getElementById("status").textContent === %s`, quoted("joined as "+name)))
}

// say types a text and sends it.
func (p *page) say(text string) {
	p.t.Helper()
	p.fill("#text", text)
	p.click("#compose button")
}

// hears waits until a message is on the page.
func (p *page) hears(name, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("%q from %s", text, name), fmt.Sprintf(`[...document.querySelectorAll("#messages .message")].some((m) =>
		m.querySelector("b").textContent === %s && m.querySelector(".text").textContent === %s)`, quoted(name), quoted(text)))
}

// count returns how many elements there are.
func (p *page) count(selector string) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf("document.querySelectorAll(%s).length", quoted(selector)))
}

// quoted returns a text as JavaScript has it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A website is a server with a page.
type website struct {
	*server
	webPort int
}

func startWeb(t testing.TB, flags ...string) *website {
	t.Helper()
	return startWebAt(t, freePort(t), freePort(t), flags...)
}

func startWebAt(t testing.TB, port, webPort int, flags ...string) *website {
	t.Helper()
	srv := setup{flags: append([]string{"--web", fmt.Sprintf("127.0.0.1:%d", webPort)}, flags...), port: port}.start(t)
	srv.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/", webPort))
	return &website{srv, webPort}
}

// link returns the invitation.
func (w *website) link() string { return fmt.Sprintf("http://127.0.0.1:%d/#key=%s", w.webPort, key) }
