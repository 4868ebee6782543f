package e2e

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fromAddress returns a dialer for clients that have an address of this machine.
func fromAddress(address string) net.Dialer {
	return net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
}

// guess gives a key and returns how the connection ends: with the end of the stream if
// the server looked at the key and it is wrong, and with a reset if the address may not
// connect.
func (s *server) guess(dialer net.Dialer, name, key string) error {
	c, err := tryConnect(s, dialer)
	if err != nil {
		return err
	}
	defer c.Close()
	auth := message(name, key)
	if _, err := c.Write(auth[:]); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

func (s *server) looksAt(name, key string) bool {
	return errors.Is(s.guess(net.Dialer{}, name, key), io.EOF)
}

// askWeb asks the page for a room, with a key.
func (w *website) askWeb(t testing.TB, key string) *http.Response {
	t.Helper()
	request, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d/api/room", w.webPort), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+base64.StdEncoding.EncodeToString([]byte(key)))
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// Guessing at full speed, over TCP and on the page at once, looks at as many keys as
// --auth-failures says, and then the address is banned. Meanwhile and afterwards others
// notice nothing.
func TestGuessing(t *testing.T) {
	t.Parallel()
	most := scaled(63, 70)
	w := startWeb(t, "--auth-failures", strconv.Itoa(most), "--max-clients", "8",
		"--auth-timeout", "1m") // or one whose turn does not come in time is taken for one that was looked at
	member := join(t, w.server, "member")
	var looked, tries atomic.Int64
	var banned atomic.Bool
	var guessing sync.WaitGroup
	begun := time.Now()
	for range 4 {
		guessing.Go(func() {
			for !banned.Load() {
				if w.looksAt("eve", fmt.Sprint("guess ", tries.Add(1))) {
					looked.Add(1)
				}
			}
		})
		guessing.Go(func() {
			for !banned.Load() {
				if w.askWeb(t, fmt.Sprint("guess ", tries.Add(1))).StatusCode == http.StatusOK {
					looked.Add(1)
				}
			}
		})
	}
	other := connectBy(t, w.server, fromAddress("127.0.0.2"))
	other.authenticate("other", key)
	w.stderr.waitForLine(t, "an address is banned", "address=127.0.0.1", "keys="+strconv.Itoa(most), "for=15m0s")
	banned.Store(true)
	guessing.Wait()
	t.Logf("%d keys of %d were looked at in %v", looked.Load(), tries.Load(), time.Since(begun))
	if n := int(looked.Load()); n != most {
		t.Errorf("%d guesses are looked at, want %d", n, most)
	}
	if w.looksAt("eve", key) {
		t.Error("a key of the banned address is looked at")
	}
	response := w.askWeb(t, key)
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
	if response.StatusCode != http.StatusTooManyRequests || seconds < 800 || seconds > 900 {
		t.Errorf("the page answers %s, and to try again in %d s", response.Status, seconds)
	}
	member.expect(other.say("is it quiet here?"))
	other.expect(member.say("very"))
	if n := strings.Count(w.stderr.String(), "an address is banned"); n != 1 {
		t.Errorf("the ban is logged %d times:\n%s", n, excerpt(w.stderr.String()))
	}
}

// A class behind one address, in which each gives two wrong keys and then the right one,
// all at the same time, is let in at once.
func TestClassMistypes(t *testing.T) {
	t.Parallel()
	srv := start(t, "--max-clients", "40")
	const students = 30
	begun := time.Now()
	var joining sync.WaitGroup
	for i := range students {
		joining.Go(func() {
			name := fmt.Sprint("student ", i)
			for try := range 2 {
				if !srv.looksAt(name, fmt.Sprintf("Sesam-%d-%d", i, try)) {
					t.Errorf("%s: wrong key %d is not looked at", name, try)
				}
			}
			c, err := tryConnect(srv, net.Dialer{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			t.Cleanup(func() { c.Close() })
			if in, err := c.tryAuthenticate(name, key); !in || err != nil {
				t.Errorf("%s is let in with the right key: %v, %v", name, in, err)
			}
		})
	}
	joining.Wait()
	t.Logf("a class of %d is in after %v", students, time.Since(begun))
	if strings.Contains(srv.stderr.String(), "is banned") {
		t.Errorf("it is banned:\n%s", excerpt(srv.stderr.String()))
	}
}

// The lists say who may come, over TCP and to the page. When their files are read again,
// those that are denied then are disconnected, and a file with an error changes nothing.
func TestAllowAndDeny(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "friends.txt")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1 # this machine\n127.0.0.2\n")
	webPort := freePort(t)
	srv := setup{
		flags:   []string{"--allow", "@" + file, "--deny", "127.0.0.3", "--web", fmt.Sprintf("127.0.0.1:%d", webPort), "--max-clients", "8"},
		wrapper: []string{"setsid"},
	}.start(t)
	w := &website{srv, webPort}
	refused := func(address string) {
		t.Helper()
		err := srv.guess(fromAddress(address), "stranger", key)
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("a connection from %s ends with %v", address, err)
		}
	}
	first := join(t, srv, "first")
	second := connectBy(t, srv, fromAddress("127.0.0.2"))
	second.authenticate("second", key)
	first.expect(second.say("hello"))
	refused("127.0.0.3")
	refused("127.0.0.4")
	if status := w.askWeb(t, key).StatusCode; status != http.StatusOK {
		t.Errorf("the page answers %d to an address that is allowed", status)
	}

	write("127.0.0.1\n127.0.0.0.4\n")
	srv.reread("friends.txt:2")
	first.expect(second.say("still here"))

	write("127.0.0.1\n127.0.0.3\n127.0.0.4\n")
	srv.reread("the lists of addresses have been read again")
	if _, err := second.Read(make([]byte, 1)); !isClose(err) {
		t.Errorf("a client whose address is denied now: %v", err)
	}
	refused("127.0.0.2")
	refused("127.0.0.3") // which is denied all the same
	fourth := connectBy(t, srv, fromAddress("127.0.0.4"))
	fourth.authenticate("fourth", key)
	first.expect(fourth.say("hello"))
	srv.stdout.waitForLine(t, "second", "left: its address is not allowed any more")
}

// The page says that the server lets its address not in. One that is in the room stays.
func TestWebBarred(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	w := startWeb(t, "--auth-failures", "1")
	p := b.open(w.link(), desktop)
	p.join("alice")
	w.looksAt("eve", "guess")
	w.stderr.waitForLine(t, "an address is banned")
	late := b.open(w.link(), desktop)
	late.fill("#name", "late")
	late.click("#join .main")
	late.wait("the refusal", `document.getElementById("refusal").textContent.startsWith("The server does not let your address in.")`)
	p.say("still here")
}
