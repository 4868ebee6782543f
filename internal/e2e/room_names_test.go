package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// With named rooms each line of the console tells its room, and so does the log. A wrong
// key is of none. Hidden keys, of any room, are nowhere.
func TestRoomNames(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		srv := startWebRooms(t, "--console", format, "--console-keys", "hide", "--max-clients", "1", "--log-level", "debug")
		for _, room := range []struct{ name, key string }{{"main", key}, {"maths", mathsKey}, {"<b>music</b>", musicKey}} {
			alice := dial(t, srv.server, "alice", room.key)
			alice.say("in " + room.name)
			srv.stdout.waitForLine(t, "in "+room.name)
			full := connect(t, srv.server)
			full.send(message("bob", room.key))
			full.expectClosed()
			srv.stderr.waitForLine(t, fmt.Sprintf("name=bob room=%s reason=\"the room is full\"", room.name))
			alice.Close()
			srv.stderr.waitForLine(t, fmt.Sprintf("name=alice room=%s reason", room.name))
		}
		stranger := connect(t, srv.server)
		stranger.send(message("mallory", "guess"))
		stranger.expectClosed()
		srv.stdout.waitForLine(t, "wrong key")
		for line := range strings.Lines(srv.stdout.String()) {
			room := ""
			if format == "json" {
				var o struct{ Room string }
				if err := json.Unmarshal([]byte(line), &o); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				room = o.Room
			} else if tag, _, found := strings.Cut(line, "] "); found {
				room = strings.TrimPrefix(tag, "[")
			}
			if (room == "") != strings.Contains(line, "mallory") || strings.Contains(line, "in ") && !strings.Contains(line, "in "+room) {
				t.Errorf("of the room %q: %s", room, line)
			}
		}
		srv.stderr.waitForLine(t, `the rooms: "main", "maths" and "<b>music</b>"`)
		for _, secret := range []string{key, mathsKey, musicKey, "guess", fragment(mathsKey)} {
			if out := srv.stdout.String() + srv.stderr.String(); strings.Contains(out, secret) {
				t.Errorf("the key %q is shown:\n%s", secret, out)
			}
		}
	}
}

// In the full screen, join through the page says in which room one is.
func TestScreenRoom(t *testing.T) {
	t.Parallel()
	srv := startWebRooms(t)
	link := linkTo(srv.webPort, mathsKey)
	page, _, _ := strings.Cut(link, "/#")
	s := openScreen(t, srv.server, 80, 24, fmt.Sprintf("%s join --name alice '%s'", binary, link), "-u SOP_CHAT_KEY")
	s.waitFor("alice in maths at " + page)
	eventually(t, "the title tells the room", func() bool {
		return strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_title}")) == "alice in maths at "+page
	})
	bob := dial(t, srv.server, "bob", mathsKey)
	s.enter("hello")
	s.press("Enter")
	bob.expect(message("alice", "hello"))
}
