package e2e

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A fullServer is one with all that a server may have besides its rooms.
type fullServer struct {
	*upgradable
	config         string // its file
	motd           string
	hooks          *peopleFile
	people         *peopleFile
	history, admin string
	metrics        int // the port
	tls, web       int
	trusting       *tls.Config
	mentions       *mentionLog
}

// mentionLog takes mentions that are posted.
type mentionLog struct {
	mu    sync.Mutex
	texts []string
}

func (m *mentionLog) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var posted struct{ Text string }
	json.NewDecoder(r.Body).Decode(&posted)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.texts = append(m.texts, posted.Text)
}

func (m *mentionLog) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.texts)
}

const atticKey, lobbyKey = "the-key-of-the-attic", "the-key-of-the-lobby"

// startFull runs a fullServer. Its rooms are main, with the usual key, side, attic and lobby.
func startFull(t *testing.T) *fullServer {
	t.Helper()
	folder := t.TempDir()
	s := &fullServer{
		config: filepath.Join(folder, "chat.toml"), motd: filepath.Join(folder, "motd.txt"), history: historyFile(t), admin: socketPath(t),
		hooks: newPeopleFile(t, "side", "ci"), people: newPeopleFile(t, "lobby", "ann"),
		metrics: freePort(t), tls: freePort(t), web: freePort(t), mentions: new(mentionLog),
	}
	receiver := httptest.NewServer(s.mentions)
	t.Cleanup(receiver.Close)
	var certFile, keyFile string
	certFile, keyFile, s.trusting = certificateFiles(t)
	motdFile(t, s.motd, "welcome")
	s.write(t, s.tables(room("attic", atticKey, "announce = false"), s.person("ann"))...)
	s.upgradable = setup{
		key: []string{}, flags: []string{
			"--config", s.config, "--max-clients", "0", "--auth-timeout", "10m", "--announce", "--motd", s.motd, "--history", s.history, "--console", "json",
			"--web", fmt.Sprint("127.0.0.1:", s.web), "--tls", fmt.Sprint("127.0.0.1:", s.tls), "--tls-cert", certFile, "--tls-key", keyFile,
			"--webhooks", s.hooks.name, "--mention", "carol=" + receiver.URL, "--metrics", strconv.Itoa(s.metrics), "--admin", s.admin,
		},
	}.startUpgradable(t)
	s.stderr.waitForLine(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", s.metrics))
	return s
}

// person returns the table of a key.
func (s *fullServer) person(label string) string {
	words := strings.Fields(s.people.lines[label])
	return fmt.Sprintf("[[key]]\nlabel = %q\nroom = %q\nhash = %q\n", words[0], words[1], words[2])
}

// tables returns those of rooms that stay, and more.
func (s *fullServer) tables(more ...string) []string {
	return append([]string{
		room("main", key, "announce = false"), room("side", sideKey), room("lobby", lobbyKey, "announce = false"),
	}, more...)
}

// write writes the configuration file.
func (s *fullServer) write(t testing.TB, tables ...string) {
	t.Helper()
	writeFile(t, s.config, strings.Join(tables, "\n"), 0o600)
}

// enter joins, and takes the message of the day.
func (s *fullServer) enter(t testing.TB, name, key string) *client {
	t.Helper()
	c := dial(t, s.server, name, key)
	c.expect(message("server", "welcome"))
	return c
}

// enterTLS joins over TLS, and returns a connection on which nothing but what is said comes.
func (s *fullServer) enterTLS(t testing.TB) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	c, err := (&tls.Dialer{Config: s.trusting}).DialContext(ctx, "tcp", fmt.Sprint("127.0.0.1:", s.tls))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(testTimeout))
	auth := message("over TLS", sideKey)
	c.Write(auth[:])
	for _, want := range []wire.Message{auth, message("server", "welcome")} {
		var got wire.Message
		if _, err := io.ReadFull(c, got[:]); err != nil || got != want {
			t.Fatalf("over TLS comes %q, %v; want %q", got.Text(), err, want.Text())
		}
	}
	return c
}

// A scraper asks for the metrics again and again, over connections of its own each time, or
// over one that is kept.
type scraper struct {
	client   http.Client
	url      string
	messages uint64 // of the last answer
	versions map[string]bool
	scrapes  int
}

var (
	saidMetric  = regexp.MustCompile(`(?m)^sop_chat_messages_total (\S+)$`)
	buildMetric = regexp.MustCompile(`(?m)^sop_chat_build_info\{.*version="([^"]*)"`)
)

// run asks until stop is closed. No request may fail, and no number fall.
func (s *scraper) run(stop <-chan struct{}) error {
	defer s.client.CloseIdleConnections()
	for {
		if err := s.scrape(); err != nil {
			return fmt.Errorf("scrape %d: %w", s.scrapes, err)
		}
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
	}
}

func (s *scraper) scrape() error {
	answer, err := s.client.Get(s.url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	said, build := saidMetric.FindSubmatch(body), buildMetric.FindSubmatch(body)
	if answer.StatusCode != http.StatusOK || said == nil || build == nil {
		return fmt.Errorf("the answer is %s: %s", answer.Status, excerpt(string(body)))
	}
	now, err := strconv.ParseFloat(string(said[1]), 64)
	if err != nil || uint64(now) < s.messages {
		return fmt.Errorf("%s messages were said, after %d: %w", said[1], s.messages, err)
	}
	s.messages, s.scrapes = uint64(now), s.scrapes+1
	s.versions[string(build[1])] = true
	return nil
}

// With everything that a server may have at once, upgrades lose nothing: the clients, what
// programs post and are told of, the numbers of monitoring, and what operators ask for
// meanwhile. Nobody is announced to have left, or greeted again.
func TestUpgradeAll(t *testing.T) {
	t.Parallel()
	s := startFull(t)
	speaker := s.enter(t, "speaker", key)
	quick := &listener{client: s.enter(t, "quick", key)}
	alice := s.enter(t, "alice", sideKey)
	alice.expect(message("server", `"alice" joined`))
	bob := s.enter(t, "bob", sideKey)
	secure := s.enterTLS(t)
	ann, attic := s.enter(t, "ann", s.people.keys["ann"]), s.enter(t, "in the attic", atticKey)
	for _, c := range []*client{alice, bob} {
		c.expect(message("server", `"bob" and "over TLS" joined`))
	}
	s.refuseFaults(t, alice, bob)

	url := fmt.Sprintf("http://127.0.0.1:%d/metrics", s.metrics)
	scrapers := []*scraper{
		{url: url, versions: make(map[string]bool), client: http.Client{Timeout: testTimeout, Transport: &http.Transport{DisableKeepAlives: true}}},
		{url: url, versions: make(map[string]bool), client: http.Client{Timeout: testTimeout, Transport: &http.Transport{}}},
	}
	talk, stop := new(counting), make(chan struct{})
	talk.last.Store(^uint64(0))
	besides := []task{
		beside(t, func() error { return talk.run(speaker, stop) }),
		beside(t, func() error { return quick.hear(talk.last.Load) }),
	}
	for _, scraper := range scrapers {
		besides = append(besides, beside(t, func() error { return scraper.run(stop) }))
	}
	poster := &http.Client{Transport: &http.Transport{TLSClientConfig: s.trusting, DisableKeepAlives: true}}

	var mentioned []string
	for i := range scaled(2, 12) {
		if i == 1 { // a room is gone, and a key
			s.write(t, s.tables()...)
		}
		mention := fmt.Sprint("carol, look: ", i)
		mentioned = append(mentioned, mention)
		alice.expect(bob.say(mention))
		half := alice.part(fmt.Sprint("said over upgrade ", i))
		ended := beside(t, func() error {
			if rest, err := io.ReadAll(secure); err != nil || len(rest)%wire.Size != 0 {
				return fmt.Errorf("over TLS came %d bytes, and %w", len(rest), err)
			}
			return nil
		})
		text := fmt.Sprint("said by an operator ", i)
		said := beside(t, func() error { // at any time in the upgrade
			time.Sleep(time.Duration(i%4) * 40 * time.Millisecond)
			got := run(t, []string{"SOP_CHAT_ADMIN=" + s.admin}, binary, "admin", "say", "--room", "lobby", text)
			healthy := run(t, nil, binary, "health", fmt.Sprintf("http://127.0.0.1:%d/healthz", s.metrics))
			if got.status+healthy.status != 0 {
				return fmt.Errorf("an operator is told %q, and the health is %q", got.stderr, healthy.stderr)
			}
			return nil
		})
		if i%2 == 0 {
			s.upgradeBy(t, func() { operate(t, s.admin, 0, "upgrade") })
		} else {
			s.upgrade(t)
		}
		wait(said, ended)
		bob.expect(alice.rest(half))
		if i == 0 {
			ann.expect(message("server", text))
		}
		s.post(t, poster, "build "+strconv.Itoa(i))
		for _, c := range []*client{alice, bob} {
			c.expect(message("ci", "build "+strconv.Itoa(i)))
		}
		secure = s.enterTLS(t)
		if i == 1 {
			attic.expectClosed()
			if rest, err := io.ReadAll(ann); err != nil || len(rest)%wire.Size != 0 { // what was said before
				t.Errorf("ann receives %d bytes, and %v", len(rest), err)
			}
			s.refuses("ann", s.people.keys["ann"])
		}
	}
	bob.expect(alice.say("nobody was announced"))
	secure.Close()
	for _, c := range []*client{alice, bob} {
		c.expect(message("server", `"over TLS" left`))
	}
	close(stop)
	wait(besides...)
	for _, scraper := range scrapers {
		if err := scraper.scrape(); err != nil || scraper.messages < talk.last.Load() {
			t.Errorf("%d messages are counted, and at least %d were said: %v", scraper.messages, talk.last.Load(), err)
		}
		if !scraper.versions["2.0.0"] || len(scraper.versions) != 2 {
			t.Errorf("the versions were %v", scraper.versions)
		}
	}
	eventually(t, "each mention is posted once", func() bool { return len(s.mentions.all()) >= len(mentioned) })
	if got := s.mentions.all(); !slices.Equal(got, mentioned) {
		t.Errorf("mentions were posted of %q, want %q", got, mentioned)
	}
	s.signal(syscall.SIGTERM)
	s.expectEnd(0)
	var kept []string
	for _, m := range readHistory(t, s.history, 0) {
		if m.Room == "main" && m.From.Name == "speaker" {
			kept = append(kept, string(m.Wire.Text()))
		}
	}
	expectCounted(t, "the history", kept, talk.last.Load())
	checkHistory(t, s.history)
	if _, err := os.Lstat(s.admin); err == nil {
		t.Error("the socket of operators is left behind")
	}
}

// refuseFaults has upgrades fail because of each of the files, with a message that says
// where. Those in the room side notice nothing.
func (s *fullServer) refuseFaults(t *testing.T, a, b *client) {
	t.Helper()
	s.put(t, s.versions[0])
	right := s.tables(room("attic", atticKey, "announce = false"), s.person("ann"))
	for i, test := range []struct {
		what  string
		spoil func()
		says  string
	}{
		{"a room without a key", func() { s.write(t, append(right, "[[room]]\nname = \"cellar\"\n")...) }, "chat.toml:"},
		{"a key without a hash", func() { s.write(t, append(right, "[[key]]\nlabel = \"eve\"\nroom = \"side\"\n")...) }, "chat.toml:"},
		{"an unknown setting", func() { s.write(t, append([]string{"anounce = true\n"}, right...)...) }, "chat.toml:1"},
		{"a long message of the day", func() { motdFile(t, s.motd, strings.Repeat("too long ", 1000)) }, "motd.txt"},
		{"a wrong line of webhooks", func() { writeFile(t, s.hooks.name, "# programs\nci side\n", 0o600) }, s.hooks.name + ":2"},
	} {
		test.spoil()
		s.signal(syscall.SIGUSR2)
		s.stderr.waitFor(t, test.what, func(printed string) bool { return strings.Count(printed, "was not replaced") == i+1 })
		lines := s.stderr.lines()
		if last := lines[len(lines)-1]; !strings.Contains(last, test.says) {
			t.Errorf("%s: it says %q, want %q", test.what, last, test.says)
		}
		b.expect(a.say(test.what))
		s.write(t, right...)
		motdFile(t, s.motd, "welcome")
		s.hooks.write("ci")
	}
	s.write(t, right...)
}

// post has something be said as a program.
func (s *fullServer) post(t *testing.T, by *http.Client, text string) {
	t.Helper()
	r, err := http.NewRequest("POST", fmt.Sprintf("https://127.0.0.1:%d/api/messages", s.web), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.hooks.keys["ci"])
	answer, err := by.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("the answer is %s: %s", answer.Status, body)
	}
}

// part sends the first part of a message, and rest the rest.
func (c *client) part(text string) wire.Message {
	c.t.Helper()
	m := message(c.name, text)
	c.write(m[:100])
	return m
}

func (c *client) rest(m wire.Message) wire.Message {
	c.t.Helper()
	c.write(m[100:])
	return m
}

// A command that is half typed at the server's terminal is there after an upgrade, and can be
// completed. The rest of the screen is as it was.
func TestUpgradeCommandLine(t *testing.T) {
	t.Parallel()
	second, err := secondBinary()
	if err != nil {
		t.Fatal(err)
	}
	u := &upgradable{program: filepath.Join(t.TempDir(), "sop-chat"), server: &server{t: t, port: freePort(t)}}
	u.put(t, binary)
	s := openScreen(t, u.server, 200, 24, fmt.Sprintf("%s --commands --console-keys hide %d", u.program, u.port))
	s.waitFor("listening on port", "\n>")
	alice := join(t, u.server, "alice")
	s.waitFor(`"alice" joined`)
	s.enter("rooms")
	s.press("Enter")
	s.waitFor("ROOM  CLIENTS")
	s.enter("say half of it")
	s.press("Left", "Left")
	u.put(t, second)
	pid := strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_pid}"))
	children, err := os.ReadFile(fmt.Sprintf("/proc/%s/task/%[1]s/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	running, err := strconv.Atoi(strings.TrimSpace(string(children)))
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(running, syscall.SIGUSR2)
	s.wait("the line after the upgrade", func(shown string) bool {
		return strings.Contains(shown, upgradedLine) && strings.HasSuffix(strings.TrimRight(shown, "\n"), "\n> say half of it") && strings.Count(shown, "> ") == 2
	})
	s.enter("f a word and ")
	s.press("Enter")
	s.waitFor("said in main")
	alice.expect(message("server", "half of f a word and it"))
	s.press("Up", "Up")
	s.waitFor("\n> rooms")
	s.press("C-u")
	s.enter("upgrade")
	s.press("Enter")
	s.wait("another upgrade", func(shown string) bool { return strings.Count(shown, upgradedLine) == 2 })
	s.enter("who")
	s.press("Enter")
	s.waitFor("alice  main")
	s.press("C-c")
	s.ended(0)
}
