package e2e

import (
	"fmt"
	"testing"
)

// Without a connection, a banner over the whole width says so, with the reason to
// believe in a next try and a button for it; screen readers are told once that the
// connection is lost, and once that it is back.
func TestWebOffline(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t)
	for _, size := range []screenSize{{1280, 800}, phone} {
		l := startLink(t, srv.webPort)
		p := b.open(l.invitation(), size)
		name := fmt.Sprintf("alice%d", size.width)
		p.join(name)
		eval[bool](p, `(() => {
			window.said = [];
			new MutationObserver(() => said.push(document.getElementById("news").textContent)).observe(
				document.getElementById("news"), { childList: true, characterData: true, subtree: true });
			window.spoken = [...document.querySelectorAll("[role=status], [aria-live]")].filter((e) => e.offsetParent).length;
			const real = WebSocket;
			window.sockets = 0;
			window.WebSocket = class extends real {
				constructor(...all) {
					super(...all);
					window.sockets++;
				}
			};
			Math.random = () => 1;
			return true;
		})()`)
		l.setDown(true)
		p.wait("the banner", `!document.getElementById("banner").hidden`)
		p.say("later")
		p.wait("the words", `/^Not connected\. Trying again in \d+ s\. 1 message is not sent\.$/.test(document.getElementById("trouble").textContent)`)
		p.wait("another second", `(window.first ??= document.getElementById("trouble").textContent) !== document.getElementById("trouble").textContent`)
		const inside = `(() => {
			const { left, right } = document.getElementById("banner").getBoundingClientRect();
			const all = [...document.querySelectorAll("#banner, #banner *, #room > header *")].filter((e) => e.checkVisibility() && !e.closest(".unseen"));
			return left === 0 && right === document.documentElement.clientWidth && all.every((e) =>
				e.scrollWidth <= e.clientWidth || e.clientWidth === 0) && all.every((e) => e.getBoundingClientRect().right <= innerWidth);
		})()`
		if !eval[bool](p, inside) {
			t.Errorf("on a screen %d wide something is cut off", size.width)
		}
		l.setDown(false)
		if !eval[bool](p, `(() => {
			const before = window.sockets;
			document.getElementById("retry").click();
			return window.sockets === before + 1;
		})()`) {
			t.Error("the button does not connect")
		}
		p.waitJoined(name)
		p.wait("the banner to go", `document.getElementById("banner").hidden`)
		want := fmt.Sprintf("[Not connected joined as %s]", name)
		if got := fmt.Sprint(eval[[]string](p, "window.said")); got != want {
			t.Errorf("screen readers are told %s, want %s", got, want)
		}
		p.click("#settings summary", "#leave")
	}
}
