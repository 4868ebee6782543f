package command

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/history"
	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// afternoon is the time of the first message of a test. Messages are a minute apart.
var afternoon = time.Date(2026, 11, 24, 16, 2, 0, 0, time.Local)

// historyFile returns a history with some messages, each given as
// "authenticated name: name: text".
func historyFile(t testing.TB, messages ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chat.db")
	sayIn(t, path, roomName, afternoon, messages...)
	return path
}

// sayIn adds messages to a room of a history, from a time on.
func sayIn(t testing.TB, path, name string, from time.Time, messages ...string) {
	t.Helper()
	archive, err := history.Open(path, history.Config{Window: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	log := broadcast.New(1<<20, wire.Size)
	room, err := archive.Room(name, history.RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	room.Follow(log)
	archive.Finish()
	batch := broadcast.NewBatch(wire.Size)
	for i, m := range messages {
		fields := strings.SplitN(m, ": ", 3)
		said := message(t, fields[1], fields[2])
		batch.Add(&broadcast.Sender{Name: fields[0]}, copy(batch.Free(), said[:]))
		log.Append(batch, from.Add(time.Duration(i)*time.Minute))
	}
	log.Close()
	if err := errors.Join(archive.Run(t.Context()), archive.Close()); err != nil {
		t.Fatal(err)
	}
}

// talk is a conversation with everything that may be in one.
var talk = []string{
	"alice: alice: hello, is there <b>lunch</b>?",
	"bob: bob: no lunch \x1b[31mred\u202e",
	"bob: alice: it was me\n16:00 alice: really",
	"=eve: =eve: =1+1",
	"alice: alice: caf\xe9",
}

// Words within sentences, emoji and letters in other forms are found, and marked
// without being cut.
func TestHistorySearchScripts(t *testing.T) {
	path := historyFile(t, "alice: alice: 重跑gen-itgc后", "bob: bob: ไปกินข้าว 👍🏽", "bob: bob: Straßenbahn, 서울에서")
	for query, want := range map[string]string{
		"itgc":        "alice: 重跑gen-«itgc»后",
		"重跑":          "alice: «重跑»gen-itgc后",
		"ข้าว 👍":      "bob: ไปกิน«ข้าว» «👍🏽»",
		"strasse* 서울": "bob: «Straßenbahn», «서울»에서",
		"bahn":        "bob: Straßen«bahn», 서울에서",
		`"bahn"`:      "",
	} {
		status, stdout, stderr := historyResult(t, path, "search", "FILE", query)
		_, got, _ := strings.Cut(strings.TrimSpace(stdout), ":0") // the time
		if _, got, _ = strings.Cut(got, " "); status != 0 || got != want {
			t.Errorf("%q: status %d, %q, %s; want %q", query, status, stdout, stderr, want)
		}
	}
}

// historyResult runs a command below history. FILE in its arguments stands for
// path.
func historyResult(t testing.TB, path string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	all := []string{"history"}
	for _, arg := range args {
		all = append(all, strings.ReplaceAll(arg, "FILE", path))
	}
	return result(t, process(all))
}

// The commands show the messages, with control characters escaped.
func TestHistoryShows(t *testing.T) {
	path := historyFile(t, talk...)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "FILE"}, `2026-11-24 16:02:00 alice: hello, is there <b>lunch</b>?
2026-11-24 16:03:00 bob: no lunch \x1b[31mred\u{202e}
2026-11-24 16:04:00 ! "bob" writes as "alice": it was me\n16:00 alice: really
2026-11-24 16:05:00 =eve: =1+1
2026-11-24 16:06:00 alice: caf\xe9
`},
		{[]string{"list", "FILE", "--last", "1"}, "2026-11-24 16:06:00 alice: caf\\xe9\n"},
		{[]string{"list", "--from", "bob", "FILE", "--last=1"}, "2026-11-24 16:04:00 ! \"bob\" writes as \"alice\": it was me\\n16:00 alice: really\n"},
		{[]string{"list", "FILE", "--since", "2026-11-24 16:06"}, "2026-11-24 16:06:00 alice: caf\\xe9\n"},
		{[]string{"list", "FILE", "--from", "nobody"}, ""},
		{[]string{"search", "FILE", "lunch"}, `2026-11-24 16:02:00 alice: hello, is there <b>«lunch»</b>?
2026-11-24 16:03:00 bob: no «lunch» \x1b[31mred\u{202e}
`},
		{[]string{"search", "FILE", "LUNCH", "hello"}, "2026-11-24 16:02:00 alice: «hello», is there <b>«lunch»</b>?\n"},
		{[]string{"search", "FILE", `"it was" real*`}, "2026-11-24 16:04:00 ! \"bob\" writes as \"alice\": «it was» me\\n16:00 alice: «really»\n"},
		{[]string{"export", "FILE", "--last", "1"}, "2026-11-24 16:06:00 alice: caf\\xe9\n"},
		{[]string{"stats", "FILE", "--since", "2026-11-24 16:03"}, `4 messages by 3 people, 2026-11-24 16:03 to 2026-11-24 16:06

  bob   2 ██████████████████████████████████████████████████████████████████████
  =eve  1 ███████████████████████████████████
  alice 1 ███████████████████████████████████

by the hour of the day:

` + hours(16, "4 "+strings.Repeat("█", 73))},
		{[]string{"stats", "FILE", "--since", "2027-01-01"}, "no messages\n"},
		{[]string{"prune", "FILE", "--older-than", "2026-11-24 16:03"}, "1 message removed\n"},
		{[]string{"prune", "FILE", "--older-than", "2026-11-24 16:03"}, "0 messages removed\n"},
	} {
		if status, stdout, stderr := historyResult(t, path, test.args...); status != 0 || stderr != "" || stdout != test.want {
			t.Errorf("%q: status %d, %s\ngot:\n%swant:\n%s", test.args, status, stderr, stdout, test.want)
		}
	}
}

// hours returns the lines of a day with messages in one hour.
func hours(at int, line string) string {
	var all strings.Builder
	for hour := range 24 {
		if hour == at {
			fmt.Fprintf(&all, "  %02d %s\n", hour, line)
		} else {
			fmt.Fprintf(&all, "  %02d 0\n", hour)
		}
	}
	return all.String()
}

func TestSearchFindsNothing(t *testing.T) {
	status, stdout, stderr := historyResult(t, historyFile(t, talk...), "search", "FILE", "din\x1bner")
	if want := "sop-chat: nothing was found for \"din\\x1bner\"\n"; status != 0 || stdout != "" || stderr != want {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// On a terminal names and matches have colours, unless the user has switched them
// off.
func TestHistoryOnTerminal(t *testing.T) {
	path := historyFile(t, talk...)
	for _, test := range []struct {
		environment string
		want        string
	}{
		{"TERM=xterm", "2026-11-24 16:02:00 \x1b[38;5;166malice\x1b[39m: hello, is there <b>\x1b[1;31mlunch\x1b[22;39m</b>?"},
		{"NO_COLOR=1", "2026-11-24 16:02:00 alice: hello, is there <b>«lunch»</b>?"},
		{"TERM=dumb", "2026-11-24 16:02:00 alice: hello, is there <b>«lunch»</b>?"},
	} {
		terminal, stdout, err := pty.Open()
		if err != nil {
			testenv.Lacks(t, "pseudo-terminals: "+err.Error())
		}
		shown := newScreen()
		go io.Copy(shown, terminal) // ends with the terminal
		p := process([]string{"history", "search", path, "lunch"}, test.environment)
		p.Stdout = stdout
		if status := Run(t.Context(), p); status != 0 {
			t.Errorf("status %d", status)
		}
		shown.waitFor(t, test.want)
		stdout.Close()
		terminal.Close()
	}
}

// Every line is an object with all of a message, exactly.
func TestExportJSON(t *testing.T) {
	_, stdout, _ := historyResult(t, historyFile(t, talk...), "export", "FILE", "--format", "json")
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	if len(lines) != len(talk) {
		t.Fatalf("%d lines:\n%s", len(lines), stdout)
	}
	for i, line := range lines {
		var m struct {
			Sequence          int
			Time              time.Time
			Room, Name, Text  string
			AuthenticatedName string `json:"authenticated_name"`
			TextBase64        []byte `json:"text_base64"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if m.TextBase64 != nil {
			m.Text = string(m.TextBase64)
		}
		got := fmt.Sprintf("%s: %s: %s", m.AuthenticatedName, m.Name, m.Text)
		if got != talk[i] || m.Sequence != i+1 || m.Room != "main" || !m.Time.Equal(afternoon.Add(time.Duration(i)*time.Minute)) {
			t.Errorf("got  %s\nwant %q", line, talk[i])
		}
	}
}

// The table for spreadsheets has no formulas.
func TestExportCSV(t *testing.T) {
	_, stdout, _ := historyResult(t, historyFile(t, talk...), "export", "FILE", "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != len(talk)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	at := afternoon.Add(3 * time.Minute).UTC().Format(time.RFC3339)
	if got, want := fmt.Sprint(rows[4]), fmt.Sprint([]string{"4", at, "main", `\x3deve`, `\x3deve`, "", `\x3d1+1`}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text := rows[3][6]; text != `it was me\n16:00 alice: really` {
		t.Errorf("got %s", text)
	}
}

// Whatever character separates cells for a spreadsheet, no cell begins as a formula
// does, and every cell with text of clients is quoted.
func TestExportCSVFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"=1":                  `"\x3d1"`,
		"+1":                  `"\x2b1"`,
		"-1":                  `"\x2d1"`,
		"@sum(1)":             `"\x40sum(1)"`,
		"＝1":                  `"\u{ff1d}1"`,
		"＋1":                  `"\u{ff0b}1"`,
		"－1":                  `"\u{ff0d}1"`,
		"＠sum(1)":             `"\u{ff20}sum(1)"`,
		"\t=1":                `"\t\x3d1"`,
		"\r=1":                `"\r\x3d1"`,
		" =1":                 `" \x3d1"`,
		`"=1`:                 `"""\x3d1"`,
		"a;=1":                `"a;\x3d1"`,
		`a; ";＝1;-2`:          `"a; "";\u{ff1d}1;\x2d2"`,
		"a=1, b-2; c@d":       `"a=1, b-2; c@d"`,
		";-)":                 `";\x2d)"`,
		"a,=1":                `"a,=1"`,
		"\xff=1 \u202e\u00e9": `"\xff=1 \u{202e}é"`,
	} {
		_, stdout, _ := historyResult(t, historyFile(t, "alice: alice: "+text), "export", "FILE", "--format", "csv")
		_, line, _ := strings.Cut(stdout, "\n")
		at := afternoon.UTC().Format(time.RFC3339)
		if full := `1,` + at + `,"main","alice","alice",,` + want + "\n"; line != full {
			t.Errorf("%q:\n%swant:\n%s", text, line, full)
		}
	}
}

// An empty name is shown as a mark.
func TestExportNoName(t *testing.T) {
	path := historyFile(t, ": : hello")
	if _, page, _ := historyResult(t, path, "export", "FILE", "--format", "html"); !strings.Contains(page, ">&#34;&#34;</b>") {
		t.Error(page)
	}
	if _, stats, _ := historyResult(t, path, "stats", "FILE"); !strings.Contains(stats, "  \"\" 1 ") {
		t.Error(stats)
	}
}

// The page is complete, loads nothing from elsewhere, and escapes all texts.
func TestExportHTML(t *testing.T) {
	_, page, _ := historyResult(t, historyFile(t, append(talk, "<script>: </title>: <img src=x onerror=alert(1)>&amp;")...), "export", "FILE", "--format", "html")
	for _, want := range []string{
		"<!DOCTYPE html>\n<html", "<h2>Tuesday, 24 November 2026</h2>", ">16:02:00</time>",
		"hello, is there &lt;b&gt;lunch&lt;/b&gt;?", `no lunch \x1b[31mred\u{202e}`, "it was me\n16:00 alice: really", "writes as “alice”",
		"&lt;script&gt;", "writes as “&lt;/title&gt;”", "&lt;img src=x onerror=alert(1)&gt;&amp;amp;", "6 messages", "</html>\n",
		"prefers-color-scheme: dark",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q", want)
		}
	}
	for _, bad := range []string{"<script", "<img", "http://", "https://", "src=\"", "href", "\x1b", "\u202e"} {
		if strings.Contains(page, bad) {
			t.Errorf("there is a %q", bad)
		}
	}
	if sections, ends := strings.Count(page, "<section>"), strings.Count(page, "</section>"); sections != 1 || ends != 1 {
		t.Errorf("%d sections begin and %d end", sections, ends)
	}
}

// A page without messages is complete, too.
func TestExportHTMLOfNothing(t *testing.T) {
	_, page, _ := historyResult(t, historyFile(t), "export", "FILE", "--format", "html")
	if !strings.Contains(page, "0 messages") || strings.Contains(page, "section>") {
		t.Errorf("%s", page)
	}
}

// A command ends with its context, also while nobody reads its output.
func TestHistoryInterrupted(t *testing.T) {
	path := historyFile(t, talk...)
	for _, args := range [][]string{
		{"list", path},
		{"list", path, "--follow"},
		{"search", path, "lunch"},
		{"stats", path},
		{"export", path},
		{"export", path, "--format", "html"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p := process(append([]string{"history"}, args...))
		reader, writer := io.Pipe()
		p.Stdout = writer
		status := make(chan int, 1)
		go func() { status <- Run(ctx, p) }()
		reader.Read(make([]byte, 1)) // the rest of the output blocks
		cancel()
		select {
		case got := <-status:
			if stderr := p.Stderr.(*bytes.Buffer).String(); got != 1 || stderr != "sop-chat: interrupted\n" {
				t.Errorf("%q: status %d, %q", args, got, stderr)
			}
		case <-time.After(testTimeout):
			t.Errorf("%q does not end", args)
		}
		reader.Close()
	}
}

// With --follow, messages that come later are shown until the user interrupts.
func TestListFollow(t *testing.T) {
	path := historyFile(t, talk...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := process([]string{"history", "list", path, "--follow", "--last", "1"})
	shown := newScreen()
	p.Stdout, p.Stderr = shown, shown
	status := make(chan int, 1)
	go func() {
		defer shown.end()
		status <- Run(ctx, p)
	}()
	shown.waitFor(t, "alice: caf\\xe9\n")
	for i := range 3 {
		appendMessage(t, path, fmt.Sprint("later ", i))
		shown.waitFor(t, fmt.Sprintf("bob: later %d\n", i))
	}
	cancel()
	if got := <-status; got != 0 || strings.Count(shown.String(), "\n") != 4 {
		t.Errorf("status %d, %q", got, shown)
	}
}

// appendMessage appends a message to a history.
func appendMessage(t testing.TB, path, text string) {
	t.Helper()
	archive, err := history.Open(path, history.Config{Window: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	log := broadcast.New(1<<20, wire.Size)
	room, err := archive.Room(roomName, history.RoomConfig{})
	if err != nil {
		t.Fatal(err)
	}
	room.Follow(log)
	archive.Finish()
	batch := broadcast.NewBatch(wire.Size)
	said := message(t, "bob", text)
	batch.Add(&broadcast.Sender{Name: "bob"}, copy(batch.Free(), said[:]))
	log.Append(batch, time.Now())
	log.Close()
	if err := errors.Join(archive.Run(t.Context()), archive.Close()); err != nil {
		t.Fatal(err)
	}
}

// A closed pipe is not an error.
func TestHistoryIntoClosedPipe(t *testing.T) {
	path := historyFile(t, talk...)
	for _, args := range [][]string{
		{"list", path},
		{"search", path, "lunch"},
		{"stats", path},
		{"list", path, "--follow"},
		{"export", path},
		{"export", path, "--format", "json"},
		{"export", path, "--format", "csv"},
		{"export", path, "--format", "html"},
	} {
		p := process(append([]string{"history"}, args...))
		stderr := newScreen()
		p.Stdout, p.Stderr = closedPipe{}, stderr
		if status := Run(t.Context(), p); status != 0 || stderr.String() != "" {
			t.Errorf("%q: status %d, %s", args, status, stderr)
		}
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}
}

func TestHistoryWrongUsage(t *testing.T) {
	path := historyFile(t, talk...)
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "a command is missing: backup, check, export, list, prune, search, stats"},
		{[]string{"lst", "FILE"}, `"lst" is none of the commands: backup, check, export, list, prune, search, stats`},
		{[]string{"list"}, "FILE is missing"},
		{[]string{"list", "FILE", "more"}, `"more" is one argument too many`},
		{[]string{"list", "FILE", "--last", "-1"}, `--last: "-1" is not a whole number from 0 to 2147483647, or auto`},
		{
			[]string{"list", "FILE", "--since", "never"},
			`--since: "never" is neither an age, such as 30m, 12h, 90d or 4w, nor a date, such as 2026-11-24 or 2026-11-24 16:02`,
		},
		{[]string{"search", "FILE"}, "QUERY is missing"},
		{[]string{"search", "FILE", "..."}, `there is no word to search for in "..."`},
		{[]string{"export", "FILE", "--format", "pdf"}, `--format: "pdf" is not text, json, csv or html`},
		{[]string{"stats"}, "FILE is missing"},
		{[]string{"search", "FILE", "-deploy"}, "there is no flag -d; a QUERY that begins with '-' goes after '--'"},
		{[]string{"search", "FILE", "--deploy"}, "there is no flag --deploy; a QUERY that begins with '-' goes after '--'"},
		{[]string{"list", "-chat.db"}, "there is no flag -c; a FILE that begins with '-' goes after '--'"},
		{[]string{"prune", "FILE"}, "--older-than is missing, or --to-size: they say which messages to remove, such as --older-than 90d"},
	} {
		status, stdout, stderr := historyResult(t, path, test.args...)
		command := "history"
		if len(test.args) > 0 && test.args[0] != "lst" {
			command += " " + test.args[0]
		}
		if want := "sop-chat: " + test.want + "\nTry 'sop-chat " + command + " --help'.\n"; status != 2 || stdout != "" || stderr != want {
			t.Errorf("%q: status %d, %q\n%swant:\n%s", test.args, status, stdout, stderr, want)
		}
	}
}

func TestHistoryFailures(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.db")
	for _, args := range [][]string{
		{"list", none}, {"search", none, "x"}, {"export", none}, {"stats", none}, {"prune", none, "--older-than", "1d"},
	} {
		status, stdout, stderr := historyResult(t, none, args...)
		if want := fmt.Sprintf("sop-chat: there is no file %q\n", none); status != 1 || stdout != "" || stderr != want {
			t.Errorf("%q: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}

// Missing messages are reported where they are missing, and only if the filter
// leaves none out.
func TestMissingMessages(t *testing.T) {
	shown := newScreen()
	lines := newHistoryLines(shown, false)
	lines.reportMissing = true
	for _, sequence := range []int64{5, 6, 8, 11} {
		if err := lines.message(&history.Message{Sequence: sequence, Number: sequence, Time: afternoon}); err != nil {
			t.Fatal(err)
		}
	}
	lines.out.Flush()
	want := `2026-11-24 16:02:00 "": 
2026-11-24 16:02:00 "": 
2026-11-24 16:02:00 * 1 message is missing here: the history could not be written
2026-11-24 16:02:00 "": 
2026-11-24 16:02:00 * 2 messages are missing here: the history could not be written
2026-11-24 16:02:00 "": 
`
	if shown.String() != want {
		t.Errorf("got:\n%swant:\n%s", shown, want)
	}
}

// The bars fit the width, and every count but 0 has one.
func TestBars(t *testing.T) {
	for _, test := range []struct {
		n, most, columns int
		want             string
	}{
		{10, 10, 5, "█████"},
		{5, 10, 5, "██▌"},
		{1, 80, 10, "▏"},
		{1, 1_000_000, 10, "▏"},
		{3, 4, 1, "▊"},
	} {
		if got := drawBar(test.n, test.most, test.columns); got != test.want {
			t.Errorf("%d of %d in %d columns: %q, want %q", test.n, test.most, test.columns, got, test.want)
		}
	}
}

// Of many people those with most messages are shown, and the others together.
func TestPeopleRows(t *testing.T) {
	var people []history.PersonCount
	for i := range maxPeople + 3 {
		people = append(people, history.PersonCount{Name: fmt.Sprint(i), Messages: 100 - i})
	}
	people[0].Name = strings.Repeat("\x1bx", 30)
	rows := peopleRows(people)
	if len(rows) != maxPeople+1 || rows[maxPeople] != (barRow{"* 3 others", 80 + 79 + 78}) {
		t.Errorf("%v", rows)
	}
	if want := `\x1bx\x1bx\x1bx\x1b…`; rows[0].name != want {
		t.Errorf("%q, want %q", rows[0].name, want)
	}
}

// The flags can be set in the environment.
func TestHistoryVariable(t *testing.T) {
	p := process([]string{"history", "list", historyFile(t, talk...)}, "SOP_CHAT_LAST=1")
	if _, stdout, _ := result(t, p); strings.Count(stdout, "\n") != 1 {
		t.Errorf("%s", stdout)
	}
}

// The variable of the server's --room has keys, and selects nothing of a history.
func TestHistoryIgnoresVariableOfRooms(t *testing.T) {
	path := historyFile(t, talk...)
	_, want, _ := result(t, process([]string{"history", "list", path}))
	status, got, stderr := result(t, process([]string{"history", "list", path}, "SOP_CHAT_ROOM=a=key\nb=other"))
	if status != 0 || got != want || got == "" {
		t.Errorf("status %d\n%s%s, want\n%s", status, got, stderr, want)
	}
}
