package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// prefer has the page in one of the system's colour schemes.
func (p *page) prefer(scheme string) {
	p.t.Helper()
	p.emulate("prefers-color-scheme", scheme, "prefers-reduced-motion", "reduce")
}

// emulate has the system say what the page is to look like: names of media features,
// and their values.
func (p *page) emulate(features ...string) {
	p.t.Helper()
	var params emulation.SetEmulatedMediaParams
	for pair := range slices.Chunk(features, 2) {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: pair[0], Value: pair[1]})
	}
	p.do(func(ctx context.Context, t *chromedp.Target) (none chromedp.Void, err error) {
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, params)
		return none, err
	})
}

// -update renews the pictures in docs: go test ./internal/e2e -run Screenshots -update
func TestWebScreenshots(t *testing.T) {
	if !*update {
		t.Skip("the pictures are renewed with -update")
	}
	b := startBrowser(t)
	for _, shot := range []struct {
		name, scheme string
		size         screenSize
	}{
		{"desktop-light", "light", desktop},
		{"desktop-dark", "dark", desktop},
		{"phone-light", "light", phone},
		{"phone-dark", "dark", phone},
	} {
		srv := startWeb(t, "--max-clients", "0")
		bob, carol := join(t, srv.server, "bob"), join(t, srv.server, "carol")
		p := b.open(srv.link(), shot.size)
		p.prefer(shot.scheme)
		if shot.name == "phone-light" {
			p.wait("the form", `document.activeElement.id === "name"`)
			p.fill("#name", "alice")
			p.save("phone-join")
		}
		p.join("alice")
		said := 0
		next := func() {
			said++
			p.wait("the message", fmt.Sprintf(`document.querySelectorAll(".message").length === %d`, said))
		}
		for _, m := range []struct{ name, text string }{
			{"bob", "did the build pass?"},
			{"alice", "it did, but have a look at this:\npanic: oh no\ngoroutine 1 [running]:"},
			{"carol", "\x1b[31mred?\x1b[0m 日本語 👍"},
			{"bob", "that is the one from yesterday: https://example.com/issues/42"},
			{"bob", "I'll take it after lunch"},
			{"alice", "thanks! 🙏"},
			{"carol", "مرحبا بالجميع"},
			{"carol", "who joins us at noon? The new place around the corner has soup, and a table for six if we are there by a quarter past."},
			{"alice", "me"},
		} {
			switch m.name {
			case "alice":
				p.say(m.text)
			case "bob":
				bob.send(message(m.name, m.text))
			default:
				carol.send(message(m.name, m.text))
			}
			next()
		}
		p.save(shot.name)
	}
}

// save puts a picture of the page into docs.
func (p *page) save(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "web-"+name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
