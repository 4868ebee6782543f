package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// secondBinary builds another version of the server, once.
var secondBinary = sync.OnceValues(func() (string, error) {
	path := binary + "-2"
	return path, build(path, "-ldflags", "-X main.version=2.0.0")
})

// An upgradable is a server whose program is at a path of its own, to be replaced there.
type upgradable struct {
	*server
	program  string
	versions []string
	upgrades int
}

// startUpgradable runs a server that can be upgraded.
func (s setup) startUpgradable(t testing.TB) *upgradable {
	t.Helper()
	second, err := secondBinary()
	if err != nil {
		t.Fatal(err)
	}
	u := &upgradable{program: filepath.Join(t.TempDir(), "sop-chat"), versions: []string{second, binary}}
	u.put(t, binary)
	if s.program == "" {
		s.program = u.program
	}
	u.server = s.start(t)
	return u
}

// put puts a program at the path of the server's, as an operator does.
func (u *upgradable) put(t testing.TB, program string) {
	t.Helper()
	beside := u.program + ".new"
	os.Remove(beside)
	if err := os.Link(program, beside); err != nil { // of another file system
		content, err := os.ReadFile(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(beside, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(beside, u.program); err != nil {
		t.Fatal(err)
	}
}

// upgradedLine begins what the new program logs.
const upgradedLine = "the server goes on in another program"

// upgrade replaces the program by the other version, and checks that this runs then.
func (u *upgradable) upgrade(t testing.TB) {
	t.Helper()
	u.upgradeBy(t, func() { u.signal(syscall.SIGUSR2) })
}

// upgradeBy is upgrade by another way to ask for it.
func (u *upgradable) upgradeBy(t testing.TB, ask func()) {
	t.Helper()
	program := u.versions[u.upgrades%len(u.versions)]
	u.put(t, program)
	u.upgrades++
	const failed = "was not replaced"
	failures := strings.Count(u.stderr.String(), failed)
	ask()
	u.stderr.waitFor(t, fmt.Sprintf("upgrade %d", u.upgrades), func(printed string) bool {
		if strings.Count(printed, failed) > failures {
			t.Fatalf("the upgrade failed:\n%s", excerpt(printed))
		}
		return strings.Count(printed, upgradedLine) == u.upgrades
	})
	running, err := os.Stat(fmt.Sprintf("/proc/%d/exe", u.pid()))
	if err != nil {
		t.Fatal(err)
	}
	if now, err := os.Stat(u.program); err != nil || !os.SameFile(running, now) {
		t.Errorf("another program than that at the path runs: %v", err)
	}
}

// A counting is a client that sends messages whose text is their number, from 1.
type counting struct {
	sent atomic.Uint64
	last atomic.Uint64 // the number of the last one; greater than any until it is known
}

// perTick returns how many messages are sent every two milliseconds.
func perTick() int {
	if raceEnabled {
		return 3
	}
	return 16
}

// run sends some thousand messages a second until stop is closed, and then a last one.
func (n *counting) run(c *client, stop <-chan struct{}) error {
	next := time.NewTicker(2 * time.Millisecond)
	defer next.Stop()
	for {
		var some []byte
		for range perTick() {
			m := message(c.name, strconv.FormatUint(n.sent.Add(1), 10))
			some = append(some, m[:]...)
		}
		if _, err := c.Write(some); err != nil {
			return err
		}
		select {
		case <-next.C:
		case <-stop:
			n.last.Store(n.sent.Add(1))
			m := message(c.name, strconv.FormatUint(n.last.Load(), 10))
			_, err := c.Write(m[:])
			return err
		}
	}
}

// A listener receives the messages of a counting client.
type listener struct {
	*client
	heard atomic.Uint64
}

// hear checks that each message comes once, in their order, up to a last one.
func (l *listener) hear(last func() uint64) error {
	for l.heard.Load() < last() {
		var m wire.Message
		if _, err := io.ReadFull(l, m[:]); err != nil {
			return fmt.Errorf("%q, after %d messages: %w", l.name, l.heard.Load(), err)
		}
		if want := strconv.FormatUint(l.heard.Add(1), 10); string(m.Text()) != want {
			return fmt.Errorf("%q got %q of %q, want %s", l.name, m.Text(), m.Name(), want)
		}
	}
	return nil
}

// sideKey is the key of a second room.
const sideKey = "the-other-room"

// Under load, the program is replaced again and again. Nobody is disconnected, whatever the
// connection is about, and everybody receives everything once and in its order: clients
// over TCP, pages, the console and the history.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	file, webPort := historyFile(t), freePort(t)
	srv := setup{flags: loaded(file, webPort)}.startUpgradable(t)
	l := startLoad(t, srv.server, file, webPort, 20)
	for i := range scaled(3, 100) {
		l.across(srv.server, i, func() { srv.upgrade(t) })
	}
	l.end()
	t.Logf("the pauses were %v", srv.pauses(t))
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	l.expectKept(srv.stdout.lines())
}

// write writes bytes of a message.
func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatalf("%q writes: %v", c.name, err)
	}
}

// printedTexts returns the texts of the messages of the room main that a console has printed.
// For one that was left out it is empty.
func printedTexts(t testing.TB, lines []string) (texts []string) {
	t.Helper()
	for _, line := range lines {
		var object struct {
			Event, Room, Text string
			Count             int
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		switch {
		case object.Room != "main":
		case object.Event == "message":
			texts = append(texts, object.Text)
		case object.Event == "skipped":
			texts = append(texts, make([]string, object.Count)...)
		}
	}
	return texts
}

// expectCounted checks that texts are the numbers up to a last one, unless they are empty.
func expectCounted(t testing.TB, what string, texts []string, last uint64) {
	t.Helper()
	for i, text := range texts {
		if want := strconv.Itoa(i + 1); text != want && text != "" {
			t.Fatalf("%s has %q after %d messages, want %s", what, text, i, want)
		}
	}
	if len(texts) != int(last) {
		t.Errorf("%s has %d messages, want %d", what, len(texts), last)
	}
}

// pauses returns for how long the loops stood still in each upgrade.
func (u *upgradable) pauses(t testing.TB) (all []time.Duration) {
	t.Helper()
	for _, line := range u.stderr.lines() {
		if !strings.Contains(line, upgradedLine) {
			continue
		}
		_, after, _ := strings.Cut(line, "paused=")
		text, _, _ := strings.Cut(after, " ")
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, d)
	}
	return all
}

// A program that can't go on leaves the old one serving, which says why, and what to do.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	rooms := filepath.Join(t.TempDir(), "rooms.toml")
	write := func(path, content string, mode os.FileMode) {
		t.Helper()
		writeFile(t, path, content, mode)
	}
	const right = "[[room]]\nname = \"lounge\"\nkey = \"some key or other\"\n"
	write(rooms, right, 0o600)
	srv := setup{flags: []string{"--rooms", rooms, "--history", historyFile(t)}}.startUpgradable(t)
	a, b := join(t, srv.server, "alice"), join(t, srv.server, "bob")
	for i, test := range []struct {
		what string
		put  func()
		says string
	}{
		{"none", func() { os.Remove(srv.program) }, "there is no program"},
		{"garbage", func() { write(srv.program, "\x7fELF and no more", 0o755) }, "is no program for this machine"},
		{"not executable", func() { write(srv.program, "", 0o644) }, "chmod +x"},
		{"another program", func() { write(srv.program, "#!/bin/sh\nexit 0\n", 0o755) }, "is not a server that can go on"},
		{"one that fails", func() { write(srv.program, "#!/bin/sh\necho 'sop-chat: no luck' >&2\nexit 1\n", 0o755) }, "can't go on: no luck"},
		{"one that is gone when the loops stand still", func() {
			write(srv.program, fmt.Sprintf("#!/bin/sh\nrm \"$0\"\nexec %s \"$@\"\n", binary), 0o755)
		}, "there is no program"},
		{"a wrong file of rooms", func() {
			srv.put(t, srv.versions[0])
			write(rooms, "[[room]]\nname = \"lounge\"\n", 0o600)
		}, "rooms.toml"},
	} {
		test.put()
		srv.signal(syscall.SIGUSR2)
		srv.stderr.waitFor(t, test.what, func(printed string) bool { return strings.Count(printed, "was not replaced") == i+1 })
		lines := srv.stderr.lines()
		if last := lines[len(lines)-1]; !strings.Contains(last, test.says) {
			t.Errorf("%s: it says %q, want %q", test.what, last, test.says)
		}
		b.expect(a.say(test.what))
	}
	write(rooms, right, 0o600)
	srv.upgrade(t)
	b.expect(a.say("upgraded after all"))
}

// While the disk under the history is full, the server is not replaced, and goes on. When
// there is space again, it can be, and nothing is missing.
func TestUpgradeFullDisk(t *testing.T) {
	t.Parallel()
	folder := smallDisk(t)
	file := filepath.Join(folder, "chat.db")
	srv := setup{flags: []string{"--history", file, "--history-sync", "10ms"}}.startUpgradable(t)
	a, b := join(t, srv.server, "alice"), join(t, srv.server, "bob")
	said := 0
	say := func() {
		said++
		b.expect(a.say(fmt.Sprint(said)))
	}
	say()
	free := occupy(t, folder)
	for !strings.Contains(srv.stderr.String(), "the history can't be written") {
		say()
	}
	srv.put(t, srv.versions[0])
	srv.signal(syscall.SIGUSR2)
	srv.stderr.waitForLine(t, "was not replaced", "can't be written; try again")
	say()
	free()
	srv.stderr.waitForLine(t, "the history is written again, and nothing is missing")
	say()
	srv.upgrade(t)
	say()
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	for i, m := range readHistory(t, file, 0) {
		if want := strconv.Itoa(i + 1); string(m.Wire.Text()) != want || m.Number != int64(i+1) {
			t.Fatalf("message %d is %q, want %s", m.Number, m.Wire.Text(), want)
		}
	}
	if last := lastOf(t, file); last != int64(said) {
		t.Errorf("%d messages are kept, want %d", last, said)
	}
}

// writeFile puts a new file to a path.
func writeFile(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	os.Remove(path)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// The new program reads files again: clients of a room that is gone are disconnected, and
// those that are denied.
func TestUpgradeChangedFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	rooms, denied, port := filepath.Join(folder, "rooms.toml"), filepath.Join(folder, "denied"), freePort(t)
	writeFile(t, rooms, "[[room]]\nname = \"lounge\"\nkey = \"some key or other\"\n", 0o600)
	writeFile(t, denied, "", 0o600)
	srv := setup{flags: []string{"--rooms", rooms, "--deny", "@" + denied}, port: port}.startUpgradable(t)
	alice, bob, carol := join(t, srv.server, "alice"), join(t, srv.server, "bob"), dial(t, srv.server, "carol", "some key or other")
	writeFile(t, rooms, "[[room]]\nname = \"hall\"\nkey = \"yet another key\"\n", 0o600)
	srv.upgrade(t)
	carol.expectClosed()
	bob.expect(alice.say("still here"))
	dial(t, srv.server, "dave", "yet another key")
	writeFile(t, denied, "127.0.0.0/8\n", 0o600)
	srv.upgrade(t)
	alice.expectClosed()
	bob.expectClosed()
}

// What a client of the page has is understood after an upgrade, whether it stayed or was
// away meanwhile.
func TestUpgradeNumbers(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--history", historyFile(t)}, {"--history", historyFile(t), "--history-sync", "0"}} {
		t.Run(fmt.Sprint(len(flags)), func(t *testing.T) {
			webPort := freePort(t)
			srv := setup{flags: append(flags, "--web", fmt.Sprintf("127.0.0.1:%d", webPort))}.startUpgradable(t)
			srv.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/", webPort))
			c := &counter{t: t, srv: &website{srv.server, webPort}, has: make(map[uint64]string)}
			alice, bob := join(t, srv.server, "alice"), join(t, srv.server, "bob")
			said := 0
			say := func() {
				said++
				bob.expect(alice.say(fmt.Sprint(said)))
			}
			c.come(t.Context())
			for range 2 { // it stays
				say()
				srv.upgrade(t)
				say()
			}
			hear := func() {
				for c.next <= uint64(said) {
					if _, err := c.read(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			hear()
			epoch := c.epoch
			c.conn.CloseNow()
			say()
			srv.upgrade(t)
			say()
			if c.come(t.Context()); c.epoch != epoch {
				t.Errorf("the epoch was %x, and is %x", epoch, c.epoch)
			}
			say()
			hear()
			for n := 1; n <= said; n++ {
				if c.has[uint64(n)] != strconv.Itoa(n) {
					t.Errorf("message %d is %q", n, c.has[uint64(n)])
				}
			}
		})
	}
}

// Clients over TLS are told, and may come back at once.
func TestUpgradeTLS(t *testing.T) {
	t.Parallel()
	s := secured(t)
	srv := s.startUpgradable(t)
	s.waitServed(t, srv.server)
	plain := dial(t, srv.server, "plain", key)
	told := s.join(t, "secure").expectRestart()
	srv.upgrade(t)
	wait(told)
	again := s.join(t, "again")
	again.expect(plain.say("still here"))
}

// A signal that comes during an upgrade is not lost, whenever that is. In the moment in which
// there is no program, one that ends the server does so at once; otherwise it ends in order.
func TestUpgradeSignals(t *testing.T) {
	t.Parallel()
	for i := range scaled(4, 24) {
		file := historyFile(t)
		srv := setup{flags: []string{"--history", file}}.startUpgradable(t)
		alice, bob := join(t, srv.server, "alice"), join(t, srv.server, "bob")
		bob.expect(alice.say("before"))
		srv.put(t, srv.versions[0])
		srv.signal(syscall.SIGUSR2)
		time.Sleep(time.Duration(i) * 12 * time.Millisecond) // to any time in it
		srv.signal(syscall.SIGTERM)
		alice.expectClosed()
		if status, _ := srv.waitEnd(); status.Exited() && status.ExitStatus() != 0 || status.Signaled() && status.Signal() != syscall.SIGTERM {
			t.Errorf("the server ended with %v; it says:\n%s", srv.cmd.ProcessState, srv.stderr)
		}
		if kept := readHistory(t, file, 0); len(kept) != 1 {
			t.Errorf("%d messages are kept", len(kept))
		}
	}
	srv := setup{}.startUpgradable(t)
	srv.put(t, srv.versions[0])
	srv.signal(syscall.SIGUSR2)
	srv.stderr.waitForLine(t, "the server is about to be replaced")
	srv.signal(syscall.SIGUSR2)
	srv.stderr.waitFor(t, "a second upgrade", func(printed string) bool { return strings.Count(printed, upgradedLine) == 2 })
}

// Sockets that systemd has opened pass on, also that at which a CA is answered, and that of
// operators.
func TestUpgradeSockets(t *testing.T) {
	t.Parallel()
	files, ports := listeners(t, 2)
	operators := socketPath(t)
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: operators, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := unix.File()
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, file)
	unix.SetUnlinkOnClose(false)
	unix.Close()
	srv := setup{port: ports[0], passed: files, wrapper: activated(3, "plain:acme-http:admin"), flags: []string{
		"--acme", "127.0.0.1", "--acme-ca", "https://127.0.0.1:1/directory", "--acme-dir", t.TempDir(),
		"--acme-http", fmt.Sprintf("127.0.0.1:%d", ports[1]), "--tls", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
	}}.startUpgradable(t)
	for _, f := range files {
		f.Close()
	}
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 2 {
		srv.upgrade(t)
		srv.expectAlive()
		operate(t, operators, 0, "rooms")
		answer, err := browser.Get(fmt.Sprintf("http://127.0.0.1:%d/.well-known/acme-challenge/none", ports[1]))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusNotFound {
			t.Errorf("the answer is %s", answer.Status)
		}
	}
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	if _, err := os.Lstat(operators); err != nil {
		t.Errorf("the server has removed the socket, which is systemd's: %v", err)
	}
}

// No descriptor is left over from an upgrade.
func TestUpgradeDescriptors(t *testing.T) {
	t.Parallel()
	certFile, keyFile, _ := certificateFiles(t)
	srv := setup{flags: []string{
		"--history", historyFile(t), "--web", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		"--tls", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "--tls-cert", certFile, "--tls-key", keyFile,
	}}.startUpgradable(t)
	alice, bob := join(t, srv.server, "alice"), join(t, srv.server, "bob")
	descriptors := func() (all []string) {
		folder := fmt.Sprintf("/proc/%d/fd", srv.pid())
		open, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range open {
			if target, err := os.Readlink(filepath.Join(folder, fd.Name())); err == nil {
				kind, _, _ := strings.Cut(target, ":[")
				all = append(all, kind)
			}
		}
		slices.Sort(all)
		return all
	}
	bob.expect(alice.say("before"))
	srv.upgrade(t)
	bob.expect(alice.say("after"))
	var first []string
	eventually(t, "what the server needs for a moment is closed", func() bool {
		again := first
		first = descriptors()
		return slices.Equal(again, first)
	})
	for range scaled(4, 10) {
		srv.upgrade(t)
	}
	bob.expect(alice.say("long after"))
	var last []string
	eventually(t, fmt.Sprintf("the descriptors are %v again", first), func() bool {
		last = descriptors()
		return slices.Equal(last, first)
	})
}

// The key that was read from standard input is there again, the working directory, the
// umask and the terminal are as they were, and the program is found again by a relative
// path.
func TestUpgradeSurroundings(t *testing.T) {
	t.Parallel()
	screen, terminal := openTerminal(t)
	folder := t.TempDir()
	second, err := secondBinary()
	if err != nil {
		t.Fatal(err)
	}
	srv := &upgradable{program: filepath.Join(folder, "sop-chat"), versions: []string{second, binary}}
	srv.put(t, binary)
	keys := filepath.Join(folder, "keys")
	if err := os.WriteFile(keys, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv.server = setup{
		wrapper: []string{"sh", "-c", `umask 027; cd "$0"; shift; exec ./sop-chat --key-file - --history chat.db "$@" < keys`, folder},
		key:     []string{}, belongs: terminal,
	}.start(t)
	terminal.Close()
	for range 2 {
		srv.upgrade(t)
		srv.expectAlive()
	}
	if at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", srv.pid())); err != nil || at != folder {
		t.Errorf("the working directory is %s, %v; want %s", at, err, folder)
	}
	if !strings.Contains(srv.proc("status"), "Umask:\t0027") {
		t.Errorf("the umask has changed:\n%s", srv.proc("status"))
	}
	screen.Close() // the terminal, with which the server ends
	srv.expectEnd(0)
	if kept := readHistory(t, filepath.Join(folder, "chat.db"), 0); len(kept) != 4 {
		t.Errorf("%d messages are kept", len(kept))
	}
}
