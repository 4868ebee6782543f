package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// pathProxy serves the page of each port below a path as the documentation has
// Caddy and nginx do it, and answers 404 elsewhere. It returns the URL of its root.
func pathProxy(t testing.TB, webPorts map[string]int) string {
	t.Helper()
	mux := http.NewServeMux() // which adds the slash to a path
	for path, webPort := range webPorts {
		target := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", webPort)}
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		}}
		mux.Handle(path+"/", http.StripPrefix(path, proxy))
	}
	mux.HandleFunc("GET /favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the browser asks for %s, which is below none of the paths", r.URL.Path)
		http.NotFound(w, r)
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL
}

// Behind a proxy the page may be below a path: the link leads there, and all of
// it works, with and without the slash at the end.
func TestWebPath(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	port, webPort := freePort(t), freePort(t)
	front := pathProxy(t, map[string]int{"/chat": webPort}) + "/chat"
	srv := setup{port: port, flags: []string{
		"--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--web-origin", front, "--console-keys", "show",
		"--trusted-proxy", "127.0.0.1", "--history", historyFile(t),
	}}.start(t)
	srv.stderr.waitForLine(t, "from a browser: "+front+"/#key="+key)
	link := regexp.MustCompile(`from a browser: (\S+)`).FindStringSubmatch(srv.stderr.String())[1]

	bob := join(t, srv, "bob")
	bob.say("said before")
	p := b.open(link, desktop)
	p.join("alice")
	p.say("hello")
	bob.expect(message("alice", "hello"))
	p.hears("bob", "said before") // which history has
	p.click("#open-search")
	p.press("before")
	p.pressEnter()
	p.wait("the hit", `document.querySelector("#hits .text")?.textContent === "said before"`)
	if got, want := eval[string](p, "location.href"), front+"/"; got != want {
		t.Errorf("the address is %q, want %q", got, want)
	}
	p.do(chromedp.Reload())
	p.waitJoined("alice")

	other := b.open(strings.Replace(link, "/#", "#", 1), desktop)
	other.join("carol")
}

// Rooms below different paths of a host have nothing to do with each other, also in
// one tab.
func TestWebPathsApart(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	ports := map[string]int{"/one": freePort(t), "/two": freePort(t)}
	front := pathProxy(t, ports)
	for path, webPort := range ports {
		srv := setup{port: freePort(t), flags: []string{
			"--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--web-origin", front + path, "--trusted-proxy", "127.0.0.1",
		}}.start(t)
		srv.stderr.waitForLine(t, front+path+"/")
	}
	p := b.open(front+"/one/#key="+key, desktop)
	p.join("alice")
	p.do(chromedp.Navigate(front + "/two/"))
	p.wait("the form without a key", `document.activeElement.id === "key" && document.activeElement.value === "" &&
		document.getElementById("room").hidden`)
	p.do(chromedp.Navigate(front + "/one/"))
	p.waitJoined("alice")
	p.click("#leave")
	p.wait("the form with the key", fmt.Sprintf(`document.getElementById("key").value === %s`, quoted(key)))
}
