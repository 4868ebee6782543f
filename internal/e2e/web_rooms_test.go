package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	mathsKey = "four maths words & more"
	musicKey = "four music words"
)

// startWebRooms runs a server with a page and three rooms: main, maths, and one whose
// name looks like markup.
func startWebRooms(t testing.TB, flags ...string) *website {
	t.Helper()
	return startWeb(t, append([]string{"--room", "maths=" + mathsKey, "--room", "<b>music</b>=" + musicKey}, flags...)...)
}

// linkTo returns the invitation to a room through a port.
func linkTo(port int, key string) string {
	return fmt.Sprintf("http://127.0.0.1:%d/%s", port, fragment(key))
}

func fragment(key string) string {
	return "#key=" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

// waitRoom waits until a page is in a room, and says so.
func (p *page) waitRoom(name string) {
	p.t.Helper()
	p.wait("the room "+name, fmt.Sprintf(`!document.getElementById("room").hidden &&
		document.getElementById("heading").textContent === %s && document.title === %s`, quoted(name), quoted(name+" – sop-chat")))
}

// showsOnly waits until a page shows just one message, which nothing of another room is.
func (p *page) showsOnly(name, text string) {
	p.t.Helper()
	p.hears(name, text)
	if n := p.count("#messages .message"); n != 1 {
		p.t.Errorf("there are %d messages, want 1", n)
	}
}

// At one server, pages with different keys are in different rooms: each has the name of
// its own, and hears nothing of the others.
func TestWebRooms(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWebRooms(t)
	alice := b.open(linkTo(srv.webPort, mathsKey), desktop)
	alice.join("alice")
	alice.waitRoom("maths")
	bob := b.open(linkTo(srv.webPort, musicKey), phone)
	bob.join("bob")
	bob.waitRoom("<b>music</b>")
	carol := b.open(srv.link(), desktop)
	carol.join("carol")
	carol.waitRoom("main")

	alice.say("2 + 2")
	bob.say("do re mi")
	carol.say("hello")
	alice.showsOnly("alice", "2 + 2")
	bob.showsOnly("bob", "do re mi")
	carol.showsOnly("carol", "hello")
	dave := dial(t, srv.server, "dave", mathsKey)
	dave.say("4")
	alice.hears("dave", "4")
	erin := dial(t, srv.server, "erin", musicKey)
	erin.say("fa")
	bob.hears("erin", "fa")
	if n, m := alice.count("#messages .message"), bob.count("#messages .message"); n != 2 || m != 2 {
		t.Errorf("there are %d and %d messages, want 2 each", n, m)
	}
	alice.do(chromedp.Reload())
	alice.waitRoom("maths")
	alice.waitJoined("alice")
	alice.click("#settings summary", "#leave")
	alice.wait("the title", `document.title === "sop-chat" && !document.getElementById("login").hidden`)
}

// A page that opens while the server can't be reached knows the name of its room.
func TestWebRoomOffline(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWebRooms(t)
	l := startLink(t, srv.webPort)
	p := b.open(linkTo(l.port, mathsKey), desktop)
	p.join("alice")
	p.waitRoom("maths")
	p.waitKept("sop-chat")
	l.setDown(true)
	p.do(chromedp.Reload())
	p.waitRoom("maths")
	p.waitLost()
	l.setDown(false)
	p.waitJoined("alice")
	p.waitRoom("maths")
}

// An invitation to another room, in a tab that is in one, leads there and carries nothing
// over: what was not sent is sent when one comes back to the room that it was for.
func TestWebAnotherRoom(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWebRooms(t)
	l := startLink(t, srv.webPort)
	maths, music := dial(t, srv.server, "bob", mathsKey), dial(t, srv.server, "carol", musicKey)
	p := b.open(linkTo(l.port, mathsKey), desktop)
	p.join("alice")
	p.waitRoom("maths")
	maths.say("in maths")
	p.hears("bob", "in maths")

	l.setDown(true)
	p.waitLost()
	p.say("for maths")
	p.states("waiting…")
	eval[bool](p, fmt.Sprintf(`(location.hash = %s, true)`, quoted(fragment(musicKey))))
	p.wait("the refusal", `document.getElementById("refusal").textContent.startsWith("The server can't be reached")`)
	l.setDown(false)
	p.click("#join .main")
	p.waitRoom("<b>music</b>")
	p.waitJoined("alice")
	p.say("for music")
	music.expect(message("alice", "for music"))
	p.showsOnly("alice", "for music")

	eval[bool](p, fmt.Sprintf(`(location.hash = %s, true)`, quoted(fragment(mathsKey))))
	p.waitRoom("maths")
	maths.expect(message("alice", "for maths"))
	p.wait("the message to have arrived", `document.querySelectorAll("#messages .message").length === 1 && !document.querySelector(".state")`)
	maths.say("again")
	p.hears("bob", "again")
	music.say("to the others")
	maths.say("and again")
	p.hears("bob", "and again")
	if n := p.count("#messages .message"); n != 3 {
		t.Errorf("there are %d messages, want 3", n)
	}
}

// A room that gets another key stays the same to a page that is invited with it: all that
// was said stays, and nobody is asked for anything.
func TestWebRoomWithNewKey(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	file := newRoomsFile(t, room("maths", mathsKey), room("music", musicKey))
	srv := startWeb(t, "--rooms", file.name)
	p := b.open(linkTo(srv.webPort, mathsKey), desktop)
	p.join("alice")
	p.say("before")
	p.wait("the message to arrive", `document.querySelector(".message.own:not(.unsent)")`)
	file.write(room("maths", "another key"), room("music", musicKey))
	srv.reread("changed=1")
	bob := dial(t, srv.server, "bob", "another key")
	p.say("still there")
	bob.expect(message("alice", "still there"))
	eval[bool](p, fmt.Sprintf(`(location.hash = %s, true)`, quoted(fragment("another key"))))
	eventually(t, "the page comes back", func() bool { return strings.Count(srv.stdout.String(), `"alice" joined`) == 2 })
	p.waitJoined("alice")
	p.waitRoom("maths")
	p.say("with the new key")
	bob.expect(message("alice", "with the new key"))
	p.wait("all messages", `document.querySelectorAll("#messages .message").length === 3`)
}

// What is loaded from the history, and found there, is of the page's room.
func TestWebHistoryOfRooms(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	path := historyFile(t)
	srv := startWebRooms(t, "--history", path)
	for _, room := range []struct{ name, key string }{{"maths", mathsKey}, {"music", musicKey}} {
		bob, carol := dial(t, srv.server, "bob", room.key), dial(t, srv.server, "carol", room.key)
		for i := range 120 {
			bob.send(message("bob", fmt.Sprintf("%s number %d", room.name, i+1)))
			carol.receive()
		}
	}
	eventually(t, "all are kept", func() bool { return lastOf(t, path) == 240 })
	for _, room := range []struct{ name, key string }{{"maths", mathsKey}, {"music", musicKey}} {
		p := b.open(linkTo(srv.webPort, room.key), desktop)
		p.join("alice")
		p.hears("bob", room.name+" number 120")
		p.wait("an older message", fmt.Sprintf(`(document.getElementById("messages").scrollTop = 0,
			[...document.querySelectorAll("#messages .text")].some((e) => e.textContent === %s))`, quoted(room.name+" number 1")))
		p.click("#open-search")
		for words, want := range map[string]int{"number": 120, "maths": 120, "music": 120, "number 77": 1} {
			if words != room.name && strings.HasPrefix(words, "m") {
				want = 0
			}
			p.fill("#words", words)
			p.click("#find .main")
			p.wait("an answer", `document.getElementById("found").textContent !== ""`)
			hits := eval[[]string](p, `[...document.querySelectorAll("#hits .text")].map((e) => e.textContent)`)
			if len(hits) != want {
				t.Errorf("in %s, %q finds %d messages, want %d", room.name, words, len(hits), want)
			}
			for _, text := range hits {
				if !strings.HasPrefix(text, room.name) {
					t.Errorf("in %s, %q finds %q", room.name, words, text)
				}
			}
		}
		p.click("#close-search")
		all := eval[[]string](p, `[...document.querySelectorAll("#messages .text")].map((e) => e.textContent)`)
		for _, text := range all {
			if !strings.HasPrefix(text, room.name) {
				t.Errorf("in %s there is %q", room.name, text)
			}
		}
	}
}
