package command

import (
	"bytes"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/chattest"
	"sop-chat/internal/metrics"
	"sop-chat/internal/origin"
	"sop-chat/internal/server"
	"sop-chat/internal/terminal"
)

// A line is split at blanks that are in no quotes.
func TestSplitWords(t *testing.T) {
	for _, test := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{"  who  ", []string{"who"}},
		{`kick "two words" --reason 'it''s "bad"'`, []string{"kick", "two words", "--reason", `its "bad"`}},
		{`say ""`, []string{"say", ""}},
		{`kick \x1b[2J`, []string{"kick", `\x1b[2J`}},
	} {
		if got, err := splitWords(test.line); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q is %q: %v", test.line, got, err)
		}
	}
	if _, err := splitWords(`say "hello`); err == nil {
		t.Error("an open quote is closed")
	}
}

// atTerminal returns a command line of a server, and what it prints.
func atTerminal(t *testing.T) (*commandLine, *chattest.Server, *bytes.Buffer) {
	t.Helper()
	table := origin.NewTable(origin.Config{})
	s := chattest.Start(t, server.Config{Origins: table}, server.RoomConfig{Name: "maths", Key: "1"}, server.RoomConfig{Name: "phy sics", Key: "2"})
	out := new(bytes.Buffer)
	c := &commandLine{operator: &operator{
		server: s.Server, origins: table, counted: metrics.Config{Server: s.Server, Draining: s.IsDraining}, level: new(slog.LevelVar),
		began: time.Now(), logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
	c.prompt = terminal.NewPrompt(out, c.complete)
	return c, s, out
}

// What is typed at the terminal is done as a command, or explained, and never said in a room.
func TestTypedCommands(t *testing.T) {
	c, s, out := atTerminal(t)
	alice := s.JoinRoom(t, "alice", "1")
	for _, test := range []struct{ line, want string }{
		{"", ""},
		{"hello everybody", `there is no command "hello", and nothing was said in a room; the commands are help, ban, bans,`},
		{"/who", `there is no command "/who"`},
		{"--help", `there is no command "--help"`},
		{"help", "  kick       Disconnects clients.\n"},
		{"who", "alice  maths"},
		{"who --help", "Shows the clients in all rooms, or in one.\n"},
		{"who --socket x", "there is no flag --socket\n'who --help' explains the command\n"},
		{"kick", "CLIENT is missing\n"},
		{`kick "nobody at all"`, `there is no client "nobody at all"`},
		{"rekey maths", "ROOM and KEY are what rekey takes here"},
		{"rekey maths another", "maths has the new key"},
		{`say "hello`, `a quote (") is not closed`},
		{"say --room maths 'hello there'", "said in maths"},
		{"rooms --json", `{"rooms":[{"name":"maths","clients":1,`},
	} {
		out.Reset()
		c.do(t.Context(), test.line)
		if got := out.String(); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%q: %s; want %s", test.line, got, test.want)
		}
	}
	alice.Expect("server", "hello there")
	s.JoinRoom(t, "bob", "another").Send("hi")
	alice.Expect("bob", "hi") // and nothing else was said
}

// The last word is completed by commands, flags, clients, addresses and rooms.
func TestCompleteTyped(t *testing.T) {
	c, s, _ := atTerminal(t)
	s.JoinRoom(t, "alice", "1")
	s.JoinRoom(t, "al ice\x1b", "2")
	for _, test := range []struct {
		text string
		from int
		want string
	}{
		{"", 0, "ban bans drain help kick loglevel rekey reload rooms say stats unban upgrade who"},
		{"r", 0, "rekey reload rooms"},
		{"kick al", 5, `"al ice\x1b" alice`},
		{`kick "al i`, 5, `"al ice\x1b"`},
		{"kick --r", 5, "--reason --room"},
		{"kick --room ", 12, `"phy sics" maths`},
		{"kick --reason a", 14, ""},
		{"who m", 4, "maths"},
		{"ban 127", 4, "127.0.0.1"},
		{"loglevel w", 9, "warn"},
		{"nonsense ", 9, ""},
	} {
		from, got := c.complete(test.text)
		if shown := strings.Join(got, " "); from != test.from || shown != test.want {
			t.Errorf("%q, from %d: %s; want from %d: %s", test.text, from, shown, test.from, test.want)
		}
	}
}
