package e2e

import (
	"fmt"
	"testing"
)

// With --unique-names a name that looks like that of somebody in the room is refused: over
// TCP without a word, by the page and by join with words, and the console says so. With
// --verify-names others see the name that somebody joined with, whatever they write as.
func TestNames(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	srv := startWeb(t, "--unique-names", "--verify-names", "--max-clients", "8")
	alice := join(t, srv.server, " alice ")
	for _, like := range []string{"ALICE", "\u0430lice", "a1ice", "al\u00a0ice\u200b"} {
		c := connect(t, srv.server)
		c.send(message(like, key))
		c.expectClosed()
	}
	const taken = "somebody with this name, or one that looks like it, is in the room"
	srv.stdout.waitForLine(t, "ALICE", "refused, "+taken)
	page := fmt.Sprintf("http://127.0.0.1:%d", srv.webPort)
	startJoinAt(t, page, "--name", "Alice").ends(1, page+" did not let us in: "+taken+"; --name gives you another")

	p := b.open(srv.link(), desktop)
	p.fill("#name", "aIice")
	p.click("#join .main")
	p.wait("the refusal", `document.getElementById("refusal").textContent ===
		"Somebody with this name, or one that looks like it, is in the room. Choose another." && document.activeElement.id === "name"`)
	p.join("bob")
	alice.send(message("bob", "it was me"), message(" alice  ", "and that too"))
	p.hears("alice", "it was me")
	p.hears("alice", "and that too")
	p.say("hello")
	alice.expect(message("bob", "hello"))
	srv.stdout.waitForLine(t, "alice: it was me")

	alice.Close()
	joinEventually(t, srv.server, "ALICE")
}
