package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logged has a server with a page do all that is logged from its start to its end, and
// returns its standard error.
func logged(t testing.TB, format string) string {
	t.Helper()
	srv := setup{
		flags: []string{"--log-format", format, "--log-level", "debug", "--web", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "--history", historyFile(t)},
		key:   []string{"weak"},
	}.start(t)
	c := connect(t, srv)
	c.authenticate("alice \x1b[31m\nred", "weak")
	c.Close()
	guess := connect(t, srv)
	guess.tryAuthenticate("eve", "guess")
	srv.stderr.waitFor(t, "the wrong key to be logged", func(printed string) bool { return strings.Contains(printed, "wrong key") })
	srv.signal(syscall.SIGTERM)
	srv.expectEnd(0)
	return srv.stderr.String()
}

// As JSON, each line of the log is an object with a time, a level and a message, from the
// first one to the last.
func TestLogJSON(t *testing.T) {
	t.Parallel()
	said := logged(t, "json")
	var records []string
	for line := range strings.Lines(said) {
		var record struct {
			Time       time.Time
			Level, Msg string
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time.IsZero() || record.Msg == "" {
			t.Errorf("%v: %s", err, line)
		}
		records = append(records, record.Level+" "+record.Msg)
	}
	for _, want := range []string{"INFO listening on port", "WARN the key is weak", "INFO connection ended", "DEBUG ending"} {
		if !slices.ContainsFunc(records, func(record string) bool { return strings.HasPrefix(record, want) }) {
			t.Errorf("there is no %q in\n%s", want, said)
		}
	}
}

// For systemd's journal, each line of the log begins with its priority, and has no time.
func TestLogJournal(t *testing.T) {
	t.Parallel()
	said := logged(t, "journal")
	whole := regexp.MustCompile(`^<[3467]>[^\pC]+\n$`)
	for line := range strings.Lines(said) {
		if !whole.MatchString(line) || strings.Contains(line, "sop-chat: ") || strings.Contains(line, "time=") || strings.Contains(line, "level=") {
			t.Errorf("not a line for the journal: %q", line)
		}
	}
	for _, want := range []string{
		"<6>listening on port ", "<4>the key is weak (fewer than 8 characters) and soon guessed; ",
		"<7>ending signal=terminated\n", `reason="wrong key"`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("there is no %q in\n%s", want, said)
		}
	}
}

// An error that ends the server is a record too, if the flag or the variable came before
// it.
func TestLogFormatOfErrors(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, test := range []struct {
		what string
		setup
		status int
		want   string
	}{
		{"at run time", setup{flags: []string{"--log-format", "json"}, port: srv.port}, 1, `"level":"ERROR","msg":"port `},
		{"wrong usage", setup{flags: []string{"--log-format", "json", "--max-clients", "many"}}, 2, `"level":"ERROR","msg":"--max-clients: \"many\" is not a whole number from 0 to 1000000. Try 'sop-chat --help'."`},
		{"with the variable", setup{flags: []string{"--max-clients", "many"}, env: []string{"SOP_CHAT_LOG_FORMAT=journal"}}, 2, `<3>--max-clients: "many" is not `},
		{"a format that does not exist", setup{flags: []string{"--log-format", "xml"}}, 2, `sop-chat: --log-format: "xml" is not text, json or journal` + "\nTry 'sop-chat --help'.\n"},
	} {
		t.Run(test.what, func(t *testing.T) {
			failed := test.launch(t)
			failed.expectEnd(test.status)
			if said := failed.stderr.String(); !strings.Contains(said, test.want) {
				t.Errorf("it says\n%swant\n%s", said, test.want)
			}
		})
	}
}
