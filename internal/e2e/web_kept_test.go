package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// buildOther builds a server of another version: in each of some of the page's files
// the first text is replaced by the second.
func buildOther(t *testing.T, changes map[string][2]string) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for name, change := range changes {
		path, err := filepath.Abs(filepath.Join("../web/page", name))
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(content), change[0], change[1], 1)
		if changed == string(content) {
			t.Fatalf("%s has no %q", name, change[0])
		}
		replaced[path] = filepath.Join(dir, name)
		if err := os.WriteFile(replaced[path], []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "sop-chat")
	if err := build(other, "-overlay", list); err != nil {
		t.Fatal(err)
	}
	return other
}

// shows returns which version the page is, by its markup, its style and its scripts.
const shows = `[document.querySelector("#login h1").textContent, getComputedStyle(document.querySelector("#login h1")).letterSpacing,
	document.querySelector("#refusal").dataset.version ?? "none"].join(" ")`

const (
	first  = "sop-chat normal none"
	second = "second 7px second"
)

// waitKept waits until the files of a version are kept, and no others below the page's
// path.
func (p *page) waitKept(heading string) {
	p.t.Helper()
	eventually(p.t, "the files are kept", func() bool {
		return eval[bool](p, fmt.Sprintf(`(async () => {
			const { active, scope } = (await navigator.serviceWorker.getRegistration()) ?? {};
			const names = (await caches.keys()).filter((name) => name.startsWith("shell " + scope + " "));
			if (active?.state !== "activated" || names.length !== 1) {
				return false;
			}
			const index = await (await caches.open(names[0])).match(".");
			return Boolean(index) && (await index.text()).includes(%s);
		})()`, quoted("<h1>"+heading+"</h1>")))
	})
}

// While there is a server, the page is the server's, also right after the server was
// replaced. Without one, the last page opens all the same, says so, and joins when the
// server is back; if that has another page, it is shown. Neither the key nor what was
// said is kept.
func TestWebKept(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	other := buildOther(t, map[string][2]string{
		"index.html": {"<h1>sop-chat</h1>", "<h1>second</h1>"},
		"style.css":  {"#login h1 {", "#login h1 {\n  letter-spacing: 7px;"},
		"app.js":     {"let me =", `$("refusal").dataset.version = "second"; let me =`},
	})
	srv := startWeb(t, "--history", historyFile(t))
	startOther := func(program string) *server {
		t.Helper()
		next := setup{flags: []string{"--web", fmt.Sprintf("127.0.0.1:%d", srv.webPort)}, port: srv.port, program: program}.start(t)
		next.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/", srv.webPort))
		return next
	}
	stop := func(s *server) {
		t.Helper()
		s.signal(syscall.SIGINT)
		s.expectEnd(0)
	}
	expect := func(p *page, when, version string, isKept bool) {
		t.Helper()
		if got := eval[string](p, shows); got != version {
			t.Errorf("%s the page is %q, want %q", when, got, version)
		}
		if got := eval[bool](p, `"kept" in document.documentElement.dataset`); got != isKept {
			t.Errorf("%s the page is what was kept: %t, want %t", when, got, isKept)
		}
	}
	p := b.open(srv.link(), desktop)
	p.join("alice")
	p.say("a secret")
	p.wait("the message to arrive", `document.querySelector(".message.own:not(.unsent)")`)
	p.waitKept("sop-chat")
	p.do(chromedp.Reload())
	p.waitJoined("alice")
	expect(p, "loaded again", first, false)

	stop(srv.server)
	next := startOther(other)
	p.do(chromedp.Reload())
	expect(p, "after an upgrade", second, false)
	p.waitJoined("alice")
	p.waitKept("second")

	stop(next)
	p.do(chromedp.Reload())
	expect(p, "without a server", second, true)
	p.wait("the banner", `/^Not connected\. Trying again/.test(document.getElementById("trouble").textContent) && !document.getElementById("banner").hidden`)
	form := b.open(srv.link(), desktop)
	expect(form, "in another tab", second, true)
	form.wait("the words", `document.getElementById("away").textContent === "The server can't be reached. Trying again…"`)
	form.audit("the form without a server")
	eval[bool](p, "window.same = true")
	next = startOther(other)
	p.waitJoined("alice")
	form.wait("the words to go", `document.getElementById("away").textContent === ""`)
	form.join("bob")
	form.say("there again")
	p.hears("bob", "there again")
	if !eval[bool](p, "window.same") {
		t.Error("the page was loaded again, though there is no other")
	}

	stop(next)
	p.do(chromedp.Reload())
	expect(p, "without a server once more", second, true)
	startOther(binary)
	p.wait("the server's page", fmt.Sprintf("document.readyState === 'complete' && %s === %s", shows, quoted(first)))
	p.waitJoined("alice")
	expect(p, "after a downgrade", first, false)
	p.waitKept("sop-chat")

	kept := eval[[]string](p, `(async () => {
		const cache = await caches.open((await caches.keys())[0]);
		return Promise.all((await cache.keys()).map(async (request) => request.url + "\n" + await (await cache.match(request)).text()));
	})()`)
	for _, file := range kept {
		url, content, _ := strings.Cut(file, "\n")
		if strings.ContainsAny(url, "#?") || strings.Contains(url, "/api/") || strings.Contains(content, "a secret") {
			t.Errorf("%s is kept", url)
		}
	}
	if len(kept) < 20 {
		t.Errorf("%d files are kept, want all of the page's", len(kept))
	}
}

// The browser offers to install the page.
func TestWebInstallable(t *testing.T) {
	t.Parallel()
	p := startOwnBrowser(t).open(startWeb(t).link(), phone)
	p.waitKept("sop-chat")
	p.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		manifest, err := cdp.Call(ctx, t, cdppage.GetAppManifest, cdppage.GetAppManifestParams{})
		if err != nil {
			return none, err
		}
		if !strings.HasSuffix(manifest.URL, "/app.webmanifest") || manifest.Data == "" || len(manifest.Errors) > 0 {
			p.t.Errorf("the manifest is %q, with %d errors", manifest.URL, len(manifest.Errors))
		}
		found, err := cdp.Call(ctx, t, cdppage.GetInstallabilityErrors, cdp.Empty{})
		for _, e := range found.InstallabilityErrors {
			p.t.Errorf("it can't be installed: %s", e.ErrorID)
		}
		return none, err
	})
}

// A proxy that can't reach the server is no server. Each room below a path keeps its own
// page.
func TestWebKeptBehindProxy(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	ports := map[string]int{"/one": freePort(t), "/two": freePort(t)}
	front := pathProxy(t, ports)
	for path, webPort := range ports {
		srv := setup{flags: []string{
			"--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--web-origin", front + path, "--trusted-proxy", "127.0.0.1",
		}}.start(t)
		srv.stderr.waitForLine(t, front+path+"/")
		p := b.open(front+path+"/#key="+key, phone)
		p.join("alice")
		p.waitKept("sop-chat")
		srv.signal(syscall.SIGINT)
		srv.expectEnd(0)
		p.do(chromedp.Reload())
		p.wait("the banner", `"kept" in document.documentElement.dataset && !document.getElementById("banner").hidden`)
	}
}
