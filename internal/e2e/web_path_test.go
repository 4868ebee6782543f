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

// pathProxy serves the page of a port below /chat/ as the documentation has
// Caddy and nginx do it, and answers 404 elsewhere. It returns the URL.
func pathProxy(t testing.TB, webPort int) string {
	t.Helper()
	target := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", webPort)}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}}
	mux := http.NewServeMux() // which adds the slash to /chat
	mux.Handle("/chat/", http.StripPrefix("/chat", proxy))
	mux.HandleFunc("GET /favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the browser asks for %s, which is not below /chat/", r.URL.Path)
		http.NotFound(w, r)
	})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL + "/chat"
}

// Behind a proxy the page may be below a path: the link leads there, and all of
// it works, with and without the slash at the end.
func TestWebPath(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	port, webPort := freePort(t), freePort(t)
	front := pathProxy(t, webPort)
	srv := setup{port: port, flags: []string{
		"--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--web-origin", front,
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
