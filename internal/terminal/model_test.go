package terminal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// A fakeBackend keeps the texts it is given.
type fakeBackend struct {
	queued []string
	full   bool
}

func (b *fakeBackend) enqueue(text string) bool {
	if !b.full {
		b.queued = append(b.queued, text)
	}
	return !b.full
}

func (b *fakeBackend) nextEvents() []event { return nil }

// A user is a model at a terminal of its own.
type user struct {
	*model
	t       testing.TB
	backend *fakeBackend
	quit    bool
	bell    bool
}

func newUser(t testing.TB, width, height int) *user {
	d := new(fakeBackend)
	u := &user{model: newModel("alice", "localhost:9000", d), t: t, backend: d}
	u.now = func() time.Time { return noon }
	u.update(tea.WindowSizeMsg{Width: width, Height: height})
	u.happens(joined{})
	return u
}

// update updates the model and runs the commands that follow, except for those
// that wait.
func (u *user) update(msg tea.Msg) {
	u.t.Helper()
	_, cmd := u.Update(msg)
	if _, isEvents := msg.(eventsMsg); isEvents {
		cmd = u.model.take(nil) // its command would wait for more events
	}
	u.do(cmd)
}

func (u *user) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case tea.BatchMsg:
		for _, c := range msg {
			u.do(c)
		}
	case tea.QuitMsg:
		u.quit = true
	case tea.RawMsg:
		u.bell = msg.Msg == "\a"
	}
}

// happens gives the model events.
func (u *user) happens(events ...event) {
	u.do(u.take(events))
	u.resize(u.width, u.height)
}

func (u *user) hears(name, text string) { u.happens(received{at: noon, name: name, text: text}) }

// types presses keys: the name of a key in angle brackets, or characters.
func (u *user) types(keys ...string) {
	u.t.Helper()
	named := map[string]tea.KeyPressMsg{
		"<enter>": {Code: tea.KeyEnter}, "<alt+enter>": {Code: tea.KeyEnter, Mod: tea.ModAlt},
		"<shift+enter>": {Code: tea.KeyEnter, Mod: tea.ModShift},
		"<up>":          {Code: tea.KeyUp}, "<down>": {Code: tea.KeyDown}, "<tab>": {Code: tea.KeyTab},
		"<pgup>": {Code: tea.KeyPgUp}, "<pgdown>": {Code: tea.KeyPgDown}, "<home>": {Code: tea.KeyHome},
		"<end>": {Code: tea.KeyEnd}, "<esc>": {Code: tea.KeyEscape},
		"<ctrl+c>": {Code: 'c', Mod: tea.ModCtrl}, "<ctrl+d>": {Code: 'd', Mod: tea.ModCtrl},
		"<ctrl+home>": {Code: tea.KeyHome, Mod: tea.ModCtrl}, "<ctrl+p>": {Code: 'p', Mod: tea.ModCtrl},
		"<f1>": {Code: tea.KeyF1}, "<backspace>": {Code: tea.KeyBackspace}, "<delete>": {Code: tea.KeyDelete},
		"<left>": {Code: tea.KeyLeft}, "<right>": {Code: tea.KeyRight},
		"<alt+left>": {Code: tea.KeyLeft, Mod: tea.ModAlt}, "<alt+right>": {Code: tea.KeyRight, Mod: tea.ModAlt},
		"<alt+d>": {Code: 'd', Mod: tea.ModAlt}, "<ctrl+a>": {Code: 'a', Mod: tea.ModCtrl},
		"<ctrl+k>": {Code: 'k', Mod: tea.ModCtrl}, "<ctrl+u>": {Code: 'u', Mod: tea.ModCtrl}, "<ctrl+w>": {Code: 'w', Mod: tea.ModCtrl},
	}
	for _, text := range keys {
		if key, ok := named[text]; ok {
			u.update(key)
			continue
		}
		for _, r := range text {
			u.update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// screen returns the text on the screen, without colours and trailing blanks.
func (u *user) screen() string {
	var lines []string
	for line := range strings.Lines(sgr.ReplaceAllString(u.View().Content, "")) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n")
}

func (u *user) shows(texts ...string) {
	u.t.Helper()
	screen := u.screen()
	for _, text := range texts {
		if !strings.Contains(screen, text) {
			u.t.Fatalf("there is no %q on the screen:\n%s", text, screen)
		}
	}
}

func (u *user) showsNot(text string) {
	u.t.Helper()
	if screen := u.screen(); strings.Contains(screen, text) {
		u.t.Fatalf("there is %q on the screen:\n%s", text, screen)
	}
}

// A text that is entered is queued, and stands below all others until it is sent.
func TestSay(t *testing.T) {
	u := newUser(t, 80, 24)
	u.types("hello", "<enter>")
	u.hears("bob", "hi")
	u.shows("bob: hi\n12:04 … alice: hello")
	u.happens(sent{texts: 1})
	u.shows("bob: hi\n12:04 › alice: hello")
	u.types("two", "<alt+enter>", "lines", "<shift+enter>", "or three", "<enter>", "  ", "<enter>", "<enter>")
	if want := []string{"hello", "two\nlines\nor three"}; !slices.Equal(u.backend.queued, want) {
		t.Errorf("posted %q, want %q", u.backend.queued, want)
	}
	u.shows("alice: two\n          lines\n          or three")
	u.backend.full = true
	u.types("too much", "<enter>")
	u.shows("too many messages wait to be sent", "> too much")
}

// Every message is shown, and control characters in it have no effect.
func TestReceive(t *testing.T) {
	u := newUser(t, 80, 24)
	u.hears(" bob ", "\x1b[2J\a\u202eevil\u2028\\")
	u.shows(`12:04   bob: \x1b[2J\x07\u{202e}evil\u{2028}\`)
	u.hears("bob", "/me waves")
	u.shows("12:04   * bob waves")
	u.hears("* bob", "waves")
	u.shows(`12:04   \x2a bob: waves`)
	u.hears("bob\ufe0f", "❤\ufe0f \u3164")
	u.shows("12:04   bob\\u{fe0f}: ❤\ufe0f \\u{3164}")
	u.hears("\u3000", "\u0338\n\u0338")
	u.shows("12:04   \"\": \\u{338}\n          \\u{338}")
	u.hears("bob", "one\r\ntwo\n12:04 - you are out")
	u.shows("bob: one\n          two\n          12:04 - you are out")
	u.hears("bob", strings.Repeat("\n", 200))
	u.shows(`bob: \n\n\n`)
}

// A mention rings the bell and is marked, and so is another client with the user's
// name.
func TestMention(t *testing.T) {
	u := newUser(t, 80, 24)
	u.do(u.take(eventsMsg{received{at: noon, name: "bob", text: "hello Alice!"}}))
	if u.shows("12:04 @ bob: hello Alice!"); !u.bell || !strings.HasPrefix(u.View().WindowTitle, "(1) ") {
		t.Errorf("bell %v, title %q", u.bell, u.View().WindowTitle)
	}
	u.types("x")
	if title := u.View().WindowTitle; title != "alice at localhost:9000" {
		t.Errorf("title %q", title)
	}
	u.hears("alice ", "it was me")
	u.shows("12:04 ! alice: it was me")
	u.hears("аlice", "it was me")
	u.shows("12:04   \\u{430}lice: it was me")
	for text, want := range map[string]bool{
		"alice": true, "ALICE, hi": true, "@alice": true, "malice": false, "alices": false, "malice alice": true, "": false,
	} {
		if mentions(text, "alice") != want {
			t.Errorf("%q mentions alice: %v", text, !want)
		}
	}
}

// Commands do what they say, and an unknown one stays in the input.
func TestCommands(t *testing.T) {
	u := newUser(t, 80, 40)
	u.types("/me waves", "<enter>", "//etc/passwd", "<enter>")
	if want := []string{"/me waves", "/etc/passwd"}; !slices.Equal(u.backend.queued, want) {
		t.Errorf("posted %q, want %q", u.backend.queued, want)
	}
	u.shows("… * alice waves")
	u.types("/me", "<enter>")
	u.shows("/me needs a text")
	u.types("/etc/passwd is short", "<enter>")
	u.shows("there is no command /etc/passwd;", "> /etc/passwd is short")
	u.types("<ctrl+c>", "/help", "<enter>")
	for _, c := range commands() {
		u.shows("/" + c.name + c.usage + ": ")
	}
	u.types("<esc>", "/clear", "<enter>")
	u.showsNot("/help shows")
	if u.View().MouseMode == tea.MouseModeNone {
		t.Error("the wheel does not scroll")
	}
	u.types("/mouse", "<enter>")
	if u.View().MouseMode != tea.MouseModeNone {
		t.Error("the mouse is not left to the terminal")
	}
	u.happens(sent{texts: 2})
	u.types("/quit", "<enter>")
	if !u.quit {
		t.Error("/quit does not leave")
	}
}

// Ctrl+C and Ctrl+D leave, but not while there is something in the input.
func TestLeave(t *testing.T) {
	for _, key := range []string{"<ctrl+c>", "<ctrl+d>"} {
		u := newUser(t, 80, 24)
		u.types("typed", key)
		if u.quit {
			t.Errorf("%s leaves with something in the input", key)
		}
		u.types("<ctrl+c>", key)
		if !u.quit {
			t.Errorf("%s does not leave", key)
		}
	}
	u := newUser(t, 80, 24)
	u.happens(lost{errors.New("gone")})
	u.types("unsent", "<enter>", "/quit", "<enter>")
	if u.shows("1 message that could not be sent would be lost"); u.quit {
		t.Error("left with something unsent, and did not ask")
	}
	if u.types("/quit", "<enter>"); !u.quit {
		t.Error("does not leave at the second attempt")
	}
}

func TestHistory(t *testing.T) {
	u := newUser(t, 80, 24)
	u.types("one", "<enter>", "two", "<alt+enter>", "lines", "<enter>", "draft", "<up>")
	u.shows("> two\n  lines")
	u.types("<up>", "<up>")
	u.shows("> one")
	u.types("<up>") // there is none before
	u.shows("> one")
	u.types("<down>", "<down>")
	u.shows("> draft")
	u.types("<ctrl+c>", "<up>")
	u.shows("> draft") // it was kept
}

func TestCompletion(t *testing.T) {
	u := newUser(t, 80, 24)
	for _, name := range []string{"Bob", "carol", "bobby", "alice"} {
		u.hears(name, "hi")
	}
	u.types("bo", "<tab>")
	u.shows("> bobby:")
	u.types("<tab>")
	u.shows("> Bob:")
	u.types("<ctrl+c>", "thanks c", "<tab>")
	u.shows("> thanks carol")
	u.types("x", "<tab>") // no name
	u.shows("> thanks carol x")
}

// The status line counts the bytes that are left, and then the messages.
func TestBudget(t *testing.T) {
	u := newUser(t, 80, 24)
	u.update(tea.PasteMsg{Content: strings.Repeat("x", 380)})
	u.showsNot("left")
	u.types("łłł")
	u.shows("62 bytes left")
	u.update(tea.PasteMsg{Content: strings.Repeat("x", 61)})
	u.shows("1 byte left")
	u.types("xx")
	u.shows("2 messages")
}

// Pasting sends nothing, and control characters have no effect.
func TestPaste(t *testing.T) {
	u := newUser(t, 80, 24)
	lines := strings.TrimSuffix(strings.Repeat("\tline\r\n", 100), "\r\n")
	u.update(tea.PasteMsg{Content: lines})
	if len(u.backend.queued) > 0 {
		t.Fatal("pasting sends")
	}
	u.shows("2 messages", "\n      line\n") // after the prompt
	u.types("<enter>")
	if want := strings.TrimSuffix(strings.Repeat("\tline\n", 100), "\n"); !slices.Equal(u.backend.queued, []string{want}) {
		t.Errorf("posted %q", u.backend.queued)
	}
	u.happens(sent{texts: 1})
	u.update(tea.PasteMsg{Content: "a\x1b[31m\u202eb\x00"})
	u.shows("> a[31mb")
	u.update(tea.PasteMsg{Content: strings.Repeat("ż", maxInput)})
	u.shows("only a part was pasted")
	if text := u.input.text(); len(text) > maxInput || !utf8.ValidString(text) {
		t.Errorf("the input has %d bytes", len(text))
	}
}

// Status line and title tell the name of the room, if it has one; nothing in it acts on
// the terminal.
func TestRoomName(t *testing.T) {
	u := newUser(t, 80, 24)
	for name, want := range map[string]string{
		"maths": "alice in maths at localhost:9000", "\x1b]0;x\a\u202e": `alice in \x1b]0;x\x07\u{202e} at localhost:9000`, "": "alice at localhost:9000",
	} {
		u.happens(named{name})
		u.shows(" " + want)
		if title := u.View().WindowTitle; title != want {
			t.Errorf("the title is %q, want %q", title, want)
		}
	}
}

// The status line counts down, and says how many texts are not sent.
func TestReconnecting(t *testing.T) {
	u := newUser(t, 80, 24)
	u.happens(lost{errors.New("the server closed the connection")}, waiting{until: noon.Add(2500 * time.Millisecond)})
	u.types("kept", "<enter>")
	u.shows("the server closed the connection; joining again", "reconnecting in 3 s", "1 not sent", "… alice: kept")
	u.now = func() time.Time { return noon.Add(2 * time.Second) }
	u.shows("reconnecting in 1 s")
	u.happens(joining{})
	u.shows("reconnecting…")
	u.happens(waiting{err: errors.New("nobody listens"), until: noon.Add(4 * time.Second)})
	u.shows("nobody listens", "reconnecting in 2 s")
	u.happens(waiting{err: errors.New("nobody listens"), until: noon.Add(4 * time.Second)})
	if n := strings.Count(u.screen(), "nobody listens"); n != 1 {
		t.Errorf("the same is said %d times", n)
	}
	u.happens(joined{}, sent{texts: 1})
	u.shows("back in the room\n12:04 - Sunday, 1 March 2026\n12:04 › alice: kept", " alice at localhost:9000")
	u.showsNot("not sent")
}

// Keys and the wheel scroll. New messages are counted, and the user's own are
// shown.
func TestScrolling(t *testing.T) {
	u := newUser(t, 40, 10)
	for i := range 100 {
		u.hears("bob", fmt.Sprint("line ", i, "."))
	}
	u.types("<pgup>")
	u.showsNot("line 99.")
	u.shows("line 92.", "scrolled back")
	u.hears("bob", "new")
	u.shows("1 new below")
	u.update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	u.shows("line 89.")
	u.types("<home>")
	u.shows("joined localhost:9000", "line 0.")
	u.types("<end>")
	u.shows("bob: new")
	u.types("<ctrl+home>", "typed", "<home>")
	u.shows("line 0.")
	u.types("<enter>")
	u.shows("alice: typed")
	u.types("<pgup>", "<esc>")
	u.shows("alice: typed")
	u.types("<pgup>")
	u.update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	u.update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	u.update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	u.shows("alice: typed")
}

// The day is above the first message, and wherever it changes.
func TestDay(t *testing.T) {
	u := newUser(t, 80, 24)
	u.showsNot("2026")
	yesterday := noon.Add(-24 * time.Hour)
	u.happens(received{at: yesterday, name: "bob", text: "one", from: "bob", known: true, replayed: true})
	u.hears("bob", "two")
	u.hears("bob", "three")
	u.now = func() time.Time { return noon.Add(24 * time.Hour) }
	u.addNotice("four")
	u.shows(`12:04 - joined localhost:9000 as alice; /help shows what you can do
12:04 - Saturday, 28 February 2026
12:04   bob: one
12:04 - Sunday, 1 March 2026
12:04   bob: two
12:04   bob: three
12:04 - Monday, 2 March 2026
12:04 - four
`)
	u.types("/clear", "<enter>")
	u.showsNot("2026")
	u.happens(received{at: noon.Add(24 * time.Hour), name: "bob", text: "five"})
	u.shows("12:04 - Monday, 2 March 2026\n12:04   bob: five\n")
}

// All rows of a message with the user's name are highlighted, with any number of
// colours, and no others.
func TestHighlight(t *testing.T) {
	for basic, begin := range map[bool]string{false: "38;5;16;48;5;229m", true: "\x1b[30;43m"} {
		u := newUser(t, 40, 14)
		u.log.layout.basic = basic
		u.hears("bob", "hello")
		if strings.Contains(u.View().Content, begin) {
			t.Error("a message without alice is highlighted")
		}
		u.hears("bob", "hello alice, "+strings.Repeat("word ", 10))
		for _, want := range []string{begin + "@ ", begin + "hello alice, word word", begin + "word word"} {
			if content := u.View().Content; !strings.Contains(content, want) {
				t.Errorf("with basic colours %v there is no %q in\n%q", basic, want, content)
			}
		}
	}
}

// The screen has as many rows as the terminal, none too wide, at every size and
// with any content.
func TestSizes(t *testing.T) {
	u := newUser(t, 80, 24)
	for range 50 {
		u.hears("日本語", strings.Repeat("👨‍👩‍👧‍👦 שלום ", 12))
	}
	u.types(strings.Repeat("typed 日本 ", 20))
	for _, size := range [][2]int{{80, 24}, {40, 10}, {200, 60}, {20, 5}, {1, 1}, {3, 2}, {80, 3}} {
		u.update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		content := u.View().Content
		if rows := strings.Count(content, "\n") + 1; rows > size[1] {
			t.Errorf("%v: %d rows", size, rows)
		}
		for line := range strings.Lines(sgr.ReplaceAllString(content, "")) {
			if n := columns(strings.TrimRight(line, " \n") + " "); size[0] >= 20 && n > size[0]+1 {
				t.Errorf("%v: %d columns in %q", size, n, line)
			}
		}
	}
}

// A failure of the session ends the program with its error.
func TestFailure(t *testing.T) {
	u := newUser(t, 80, 24)
	u.happens(failed{errors.New("a mistake")})
	if !u.quit || u.failure == nil {
		t.Error("the program goes on")
	}
}

// BenchmarkFlood measures drawing after many messages at once. Only those that are
// visible are laid out.
func BenchmarkFlood(b *testing.B) {
	u := newUser(b, 200, 60)
	events := make(eventsMsg, 1000)
	for i := range events {
		events[i] = received{at: noon, name: "bob", text: strings.Repeat("word ", 80)}
	}
	for b.Loop() {
		u.take(events)
		u.View()
	}
}

// A text that does not arrive is not shown as sent, even if there is a connection,
// and the user is warned before leaving.
func TestDelayed(t *testing.T) {
	u := newUser(t, 80, 24)
	u.types("hello", "<enter>")
	u.happens(delayed{})
	u.shows("… alice: hello", "alice at localhost:9000", "1 not sent")
	u.types("<ctrl+c>")
	if u.quit {
		t.Error("left with something unsent, and did not ask")
	}
	u.shows("1 message that could not be sent would be lost")
	u.happens(sent{texts: 1})
	u.shows("› alice: hello")
	u.showsNot("not sent")
	u.types("<ctrl+c>")
	if !u.quit {
		t.Error("did not leave")
	}
}

// When nothing can be sent, many lines at once cause one notice, and do not pile
// up in the input.
func TestTooMuch(t *testing.T) {
	u := newUser(t, 80, 24)
	u.backend.full = true
	for i := range 1000 {
		u.types(fmt.Sprint("line ", i), "<enter>")
	}
	if n := strings.Count(u.screen(), "too many messages wait"); n != 1 || u.input.text() != "line 0" {
		t.Errorf("%d notices, and in the input is %.40q", n, u.input.text())
	}
	u.types("<ctrl+c>", "another")
	if u.input.text() != "another" {
		t.Errorf("in the input is %q", u.input.text())
	}
	u.types("<enter>", "!")
	u.backend.full = false
	u.types("<enter>")
	if u.input.text() != "" || u.backend.queued[0] != "another" {
		t.Errorf("in the input is %q", u.input.text())
	}
}

// A replay after a reconnect over TCP is not shown again, and neither are mentions in it
// counted. One's own messages are one's own.
func TestReplayOverTCP(t *testing.T) {
	u := newUser(t, 80, 24)
	u.hears("bob", "before")
	u.types("mine", "<enter>")
	u.happens(sent{texts: 1})
	u.hears("bob", "hello alice")
	u.types("arrived", "<enter>", "not", "<enter>")
	u.happens(lost{errors.New("gone")}, waiting{until: noon}, joined{mayMiss}, sent{texts: 2})
	u.types("x") // looks at the screen
	replay := []received{
		{at: noon, name: "bob", text: "hello alice"},
		{at: noon, name: "alice", text: "mine"},
		{at: noon, name: "bob", text: "meanwhile"},
		{at: noon, name: "alice", text: "arrived"},
		{at: noon, name: "alice", text: "not mine"},
	}
	u.happens(burst{replay})
	if u.mentions != 0 {
		t.Errorf("%d mentions were counted again", u.mentions)
	}
	for _, text := range []string{": before", ": mine", "hello alice", ": meanwhile"} {
		if n := strings.Count(u.screen(), text); n != 1 {
			t.Errorf("%q is on the screen %d times:\n%s", text, n, u.screen())
		}
	}
	u.shows("back in the room; what was said meanwhile may be missing", "  bob: meanwhile\n12:04 › alice: arrived\n12:04 ! alice: not mine")
	u.happens(lost{errors.New("gone")}, waiting{until: noon}, joined{mayMiss})
	before := u.screen()
	u.happens(burst{append(replay, received{at: noon, name: "alice", text: "arrived"}, received{at: noon, name: "alice", text: "not"})})
	if after := u.screen(); after != before {
		t.Errorf("the screen was\n%s\nand is\n%s", before, after)
	}
}

// With numbers the time is the server's, the sender is known, and what is missing is
// counted.
func TestNumbered(t *testing.T) {
	u := newUser(t, 80, 24)
	earlier := noon.Add(-2 * time.Minute)
	u.do(u.take(eventsMsg{received{at: earlier, name: "bob", text: "old news, alice", from: "bob", known: true, replayed: true}}))
	u.shows("12:02 @ bob: old news, alice")
	if u.mentions != 0 || u.bell {
		t.Error("what was said before alice came rings the bell")
	}
	u.happens(received{at: earlier, name: "alice", text: "it was me", from: `e"ve`, known: true}, received{at: earlier, name: "alice", text: "again", from: "alice", known: true})
	u.shows(`12:02 ! "e\"ve" writes as "alice": it was me`, "12:02 ! alice: again")
	u.happens(received{at: noon, name: " bob", text: "hello alice", from: "bob", known: true}, missed{12}, missed{1})
	u.shows("12:04 @ bob: hello alice", "12 messages are missing here, and no longer on the server", "1 message is missing here,")
	if u.mentions != 1 {
		t.Errorf("%d mentions", u.mentions)
	}
	u.types("mine", "<enter>")
	u.happens(sent{1, earlier})
	u.shows("12:02 › alice: mine")
	u.happens(lost{errors.New("gone")}, waiting{until: noon}, joined{newHistory})
	u.shows("back in the room; the server was started anew,")
}
