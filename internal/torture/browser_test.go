//go:build linux

package torture

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"sop-chat/internal/chromium"
	"sop-chat/internal/testenv"
)

// A browserClient is the page in a browser. It is known by what it shows.
type browserClient struct {
	*speaker
	tab        context.Context
	closeTab   func()
	url        string
	script     string       // is run when the page has joined
	complainTo func(string) // is called once for each text

	talking sync.Mutex // held while something is said, so that the page says it in the order of the history

	mu         sync.Mutex
	complaints map[string]bool
}

// observe is what looks at the page.
//
//go:embed testdata/observe.js
var observe string

// answerTime is how long the browser may take to answer.
const answerTime = time.Minute

// shared is the Chromium that tests share.
var shared struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// startBrowser returns the context of Chromium, whose path is given.
func startBrowser(t testing.TB, path string) context.Context {
	shared.once.Do(func() { shared.ctx, shared.stop, shared.err = chromium.Start(path, answerTime) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.ctx
}

// browsers has each room have a page in a browser, which comes by a balancer before all servers at
// a host. It adds none on a machine without Chromium.
func browsers(t testing.TB, host string) func(*load) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		testenv.Without(t, "chromium")
		return func(*load) {}
	}
	browser := startBrowser(t, path)
	return func(l *load) {
		var pages []string
		for _, a := range l.addresses {
			pages = append(pages, a.page)
		}
		for _, room := range rooms {
			l.start(newBrowserClient(t, l, browser, room, newLink(t, host, pages...).address()))
		}
	}
}

// newBrowserClient opens a tab for the page at an address, in a window of its own, since a page that
// is not in view does less.
func newBrowserClient(t testing.TB, l *load, browser context.Context, room, address string) *browserClient {
	c := &browserClient{
		speaker: l.speaker(Client{Room: room, Browser: true}, -1), complaints: make(map[string]bool),
		url: fmt.Sprintf("http://%s/#key=%s", address, url.PathEscape(keyOf(room))), script: observe,
	}
	c.every *= 5 // as a person, since each one is drawn
	c.complainTo = func(text string) { t.Errorf("%s: %s", nameOf(c.id), text) }
	c.tab, c.closeTab = chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(c.listen))
	if err := chromedp.Do(c.tab); err != nil { // it must not have a deadline
		t.Fatal(err)
	}
	return c
}

// run joins, talks, and notes what the page shows.
func (c *browserClient) run() {
	defer c.closeTab()
	if err := c.join(); err != nil {
		c.complain(fmt.Sprintf("it does not join: %v", err))
		return
	}
	c.add(Event{Kind: Joined, Client: c.id, Server: -1})
	var talking sync.WaitGroup
	talking.Go(func() { c.talk(c, c.ctx.Done(), nil) })
	for c.pause(200 * time.Millisecond) {
		if err := c.look(); err != nil && c.ctx.Err() == nil {
			c.complain(err.Error())
		}
	}
	talking.Wait()
}

func (c *browserClient) join() error {
	ctx, cancel := context.WithTimeout(c.tab, answerTime)
	defer cancel()
	submit := fmt.Sprintf(`document.getElementById("name").value = %s; document.getElementById("join").requestSubmit()`, quoted(nameOf(c.id)))
	if err := chromedp.Do(ctx, chromedp.Navigate(c.url), run(submit)); err != nil {
		return err
	}
	for c.pause(20 * time.Millisecond) {
		isJoined, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(
			`!document.getElementById("room").hidden && document.getElementById("status").textContent === %s`, quoted("joined as "+nameOf(c.id)))))
		if err != nil {
			return err
		}
		if isJoined {
			return chromedp.Do(ctx, run(c.script))
		}
	}
	return c.ctx.Err()
}

// run runs a script in the page.
func run(script string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = chromedp.Evaluate[bool](script+"\n;true")(ctx, t)
		return none, err
	}
}

// quoted returns a text as JavaScript has it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// look notes what the page shows that it did not show before.
func (c *browserClient) look() error {
	ctx, cancel := context.WithTimeout(c.tab, answerTime)
	defer cancel()
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[struct {
		Messages []shownMessage
		IsCut    bool
		Fault    string
		Notes    []string
	}]("torture.take()"))
	if err != nil {
		return err
	}
	if seen.IsCut { // a person sees what is new, and no end of what was there
		c.add(Event{Kind: Left, Client: c.id})
		c.add(Event{Kind: Joined, Client: c.id, Server: -1})
	}
	for _, m := range seen.Messages {
		c.add(c.event(m))
	}
	for _, note := range seen.Notes {
		c.complain("the page says: " + note) // nothing is missing, and no operator says anything
	}
	if seen.Fault != "" {
		return fmt.Errorf("the page does not go on with what it has shown: %s", seen.Fault)
	}
	return nil
}

// A shownMessage is one as a page shows it.
type shownMessage struct {
	Name, Text string
	Own        bool
}

// event returns the event of showing a message. Of one that has other characters than a
// browser's, only the first ones are looked at: e2e tests what becomes of the rest.
func (c *browserClient) event(shown shownMessage) Event {
	m, ok := parseMessage(shown.Text)
	if !ok || shown.Name != nameOf(m.Client) || shown.Own != (m.Client == c.id) || c.isBrowser(m.Client) && shown.Text != typed(m) {
		c.complain(fmt.Sprintf("the page shows %+q by %+q, own: %v", shown.Text, shown.Name, shown.Own))
		return Event{Kind: Invented, Client: c.id}
	}
	if shown.Own {
		return Event{Kind: Acknowledged, Client: c.id, Message: m}
	}
	return Event{Kind: Received, Client: c.id, Message: m}
}

// say types a text and sends it. The page sends it when it can.
func (c *browserClient) say(prepare func(Message)) bool {
	c.talking.Lock()
	defer c.talking.Unlock()
	m := c.next()
	prepare(m)
	c.add(Event{Kind: Sent, Client: c.id, Message: m})
	ctx, cancel := context.WithTimeout(c.tab, answerTime)
	defer cancel()
	err := chromedp.Do(ctx, run(fmt.Sprintf("torture.say(%s)", quoted(typed(m)))))
	return err == nil
}

// listen notes what the browser complains about.
func (c *browserClient) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		c.complain("the page fails: " + fmt.Sprintf("%s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError && e.Entry.Source != cdplog.EntrySourceNetwork { // servers may be away
			c.complain("the browser says: " + e.Entry.Text)
		}
	}
}

// complain says what is wrong with the page, whatever it shows.
func (c *browserClient) complain(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.complaints[text] && c.ctx.Err() == nil {
		c.complaints[text] = true
		c.complainTo(text)
	}
}

// isBrowser reports whether a client is one.
func (r *recorder) isBrowser(client int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return client >= 0 && int(client) < len(r.history.Clients) && r.history.Clients[client].Browser
}

// What a page shows wrongly is noticed.
func TestFaultyPage(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("chromium")
	if err != nil {
		testenv.Lacks(t, "chromium")
	}
	browser := startBrowser(t, path)
	s := startServer(t, "shown", network()+"11")
	faults := map[Class]string{
		Missing:  `article.remove()`,
		Doubled:  `article.after(article.cloneNode(true))`,
		Foreign:  `article.querySelector("b").append("0")`,
		Disorder: `article.remove(); last = article`,
	}
	const fault = `;
		const list = document.getElementById("messages");
		let last = null; // is shown later
		list.insertBefore = (fragment, before) => {
			const article = fragment.querySelector(".message:not(.own)");
			if (last && article) {
				fragment.append(last);
				last = null;
				torture.isDone = true;
			} else if (article && !last && !torture.isDone && list.querySelectorAll(".message").length > 5) {
				%s;
				torture.isDone = !last;
			}
			Element.prototype.insertBefore.call(list, fragment, before);
		};`
	clients := make(map[Class]*browserClient)
	l := startLoad(t, 3, []address{s.address}, 2, 1, 50*time.Millisecond, func(l *load) {
		for class, script := range faults {
			room := rooms[0]
			if class == Disorder { // which hides what is missing
				room = rooms[1]
			}
			c := newBrowserClient(t, l, browser, room, s.page)
			c.complainTo = func(text string) { t.Log(class, text) }
			c.script += fmt.Sprintf(fault, script)
			clients[class] = c
			l.start(c)
		}
	})
	for class, c := range clients {
		if !eventually(time.Minute, func() bool {
			isDone, err := chromedp.Run(c.tab, chromedp.Evaluate[bool]("torture.isDone === true"))
			return isDone && err == nil
		}) {
			t.Fatalf("the page has no fault: %s", class)
		}
	}
	l.settle(15 * time.Second)
	found := Check(l.finish())
	for class, c := range clients {
		name := l.history.Clients[c.id].Name
		if !slices.ContainsFunc(found, func(f Fault) bool { return f.Class == class && strings.Contains(f.Text, name) }) {
			t.Errorf("a page that makes this fault is not noticed: %s", class)
		}
	}
	t.Log(found)
	s.finish(t)
}
