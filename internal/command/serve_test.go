package command

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/certs"
	"sop-chat/internal/rooms"
)

// options returns the options that the server would have.
func options(t testing.TB, p Process) serveOptions {
	t.Helper()
	got, err := tryOptions(p)
	if err != nil {
		t.Fatalf("%q: %v", p.Args, err)
	}
	return got
}

func tryOptions(p Process) (got serveOptions, err error) {
	cmd := newServe(p, func(_ context.Context, o serveOptions, _ Process) error {
		got = o
		return nil
	})
	cmd.SetArgs(p.Args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.Execute()
	return got, err
}

func TestDefaults(t *testing.T) {
	want := serveOptions{
		port:         9000,
		key:          "key",
		bind:         "::",
		maxClients:   4,
		maxPending:   automatic,
		authTimeout:  10 * time.Second,
		stallTimeout: 10 * time.Second,
		origins:      originOptions{failures: 100, ban: 15 * time.Minute},
		backlog:      automatic,
		cluster:      clusterOptions{name: "sop-chat", replicas: 3, keep: 7 * 24 * time.Hour},
		historySync:  200 * time.Millisecond,
		certs:        certOptions{ca: certs.LetsEncrypt, folder: "auto", http: acmeHTTP{webAddress{"::", 80}, true}},
		loops:        automatic,
		send:         "auto",
		admin:        "auto",
		serverName:   "server",
		console:      "text",
		consoleKeys:  "auto",
		logLevel:     slog.LevelInfo,
		logFormat:    "text",
		stage:        4,
	}
	if got := options(t, process([]string{"9000", "key"})); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every flag can be given before, between and after the arguments, and as a
// variable; the command line wins over the variable.
func TestFlagsAndVariables(t *testing.T) {
	tests := []struct {
		flag, text string
		get        func(serveOptions) any
		want       any
	}{
		{"max-clients", "100", func(o serveOptions) any { return o.maxClients }, 100},
		{"max-clients", "0", func(o serveOptions) any { return o.maxClients }, 0},
		{"max-pending", "8", func(o serveOptions) any { return o.maxPending }, 8},
		{"max-pending", "auto", func(o serveOptions) any { return o.maxPending }, automatic},
		{"loops", "3", func(o serveOptions) any { return o.loops }, 3},
		{"loops", "auto", func(o serveOptions) any { return o.loops }, automatic},
		{"bind", "192.0.2.1", func(o serveOptions) any { return o.bind }, "192.0.2.1"},
		{"stage", "2", func(o serveOptions) any { return o.stage }, 2},
		{"auth-timeout", "2m30s", func(o serveOptions) any { return o.authTimeout }, 150 * time.Second},
		{"auth-failures", "0", func(o serveOptions) any { return o.origins.failures }, 0},
		{"ban", "24h", func(o serveOptions) any { return o.origins.ban }, 24 * time.Hour},
		{"connect-rate", "30", func(o serveOptions) any { return o.origins.connectRate }, 30},
		{"allow", "192.0.2.1, 2001:db8::/32", func(o serveOptions) any { return o.origins.allow.list.Len() }, 2},
		{"deny", "192.0.2.0/24", func(o serveOptions) any { return o.origins.deny.list.Len() }, 1},
		{"stall-timeout", "250ms", func(o serveOptions) any { return o.stallTimeout }, 250 * time.Millisecond},
		{"backlog", "64KiB", func(o serveOptions) any { return o.backlog }, 64 << 10},
		{"backlog", "64 MB", func(o serveOptions) any { return o.backlog }, 64_000_000},
		{"backlog", "1048576", func(o serveOptions) any { return o.backlog }, 1 << 20},
		{"backlog", strconv.Itoa(maxBacklog), func(o serveOptions) any { return o.backlog }, maxBacklog},
		{"backlog", "auto", func(o serveOptions) any { return o.backlog }, automatic},
		{"replay", "20", func(o serveOptions) any { return o.replay }, 20},
		{"verify-names", "true", func(o serveOptions) any { return o.verifyNames }, true},
		{"unique-names", "true", func(o serveOptions) any { return o.uniqueNames }, true},
		{"history", "chat.db", func(o serveOptions) any { return o.history }, "chat.db"},
		{"rate", "5/s", func(o serveOptions) any { return o.rate }, rooms.Rate{Messages: 5, Per: time.Second}},
		{"rate", "30/m", func(o serveOptions) any { return o.rate }, rooms.Rate{Messages: 30, Per: time.Minute}},
		{"console", "json", func(o serveOptions) any { return o.console }, "json"},
		{"console-keys", "hide", func(o serveOptions) any { return o.hidesKeys() }, true},
		{"console-keys", "auto", func(o serveOptions) any { return o.hidesKeys() }, false},
		{"console-keys", "show", func(o serveOptions) any { return o.hidesKeys() }, false},
		{"log-level", "debug", func(o serveOptions) any { return o.logLevel }, slog.LevelDebug},
		{"log-format", "json", func(o serveOptions) any { return o.logFormat }, "json"},
		{"allow-empty-key", "true", func(o serveOptions) any { return o.allowEmptyKey }, true},
	}
	for _, test := range tests {
		set := "--" + test.flag + "=" + test.text
		fromVariable := variable(test.flag) + "=" + test.text
		for _, p := range []Process{
			process([]string{set, "9000", "key"}),
			process([]string{"9000", set, "key"}),
			process([]string{"9000", "key", set}),
			process([]string{"9000", "key"}, fromVariable),
			process([]string{"9000", "key", set}, variable(test.flag)+"=nonsense"),
		} {
			if got := test.get(options(t, p)); got != test.want {
				t.Errorf("%q: got %v, want %v", p.Args, got, test.want)
			}
		}
	}
}

// Proxies may be before either port, so they need no page.
func TestTrustedProxy(t *testing.T) {
	o := options(t, process([]string{"--trusted-proxy", "127.0.0.1,10.0.0.0/8", "9000", "key"}))
	if got := fmt.Sprint(o.proxies); got != "[127.0.0.1/32 10.0.0.0/8]" {
		t.Errorf("the proxies are %s", got)
	}
}

func TestHistoryFlags(t *testing.T) {
	o := options(t, process([]string{"--history", "chat.db", "--history-sync", "0", "--retain", "90d", "9000", "key"}))
	if o.history != "chat.db" || o.historySync != 0 || o.retain.Age != 90*24*time.Hour {
		t.Errorf("%+v", o)
	}
}

// An age is in any units up to weeks.
func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "4w": 28 * day, "1w2d3h": 9*day + 3*time.Hour, "36h": 36 * time.Hour, "1.5h": 90 * time.Minute, "5s": 5 * time.Second,
	} {
		if got, err := age(text); got != want || err != nil {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0d", "90", "d", "-1d", "1d-2h", "-2h", "1d2w", "many", "1.5d", "70000d", "40000w", "9999999999h"} {
		if got, err := age(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestSwitchNeedsNoValue(t *testing.T) {
	o := options(t, process([]string{"--allow-empty-key", "9000", ""}))
	if !o.allowEmptyKey || o.key != "" {
		t.Errorf("%+v", o)
	}
}

func TestEmptyVariableCountsAsNotSet(t *testing.T) {
	o := options(t, process([]string{"9000", "key"}, "SOP_CHAT_MAX_CLIENTS=", "SOP_CHAT_KEY=", "SOP_CHAT_KEY_FILE="))
	if o.maxClients != 4 || o.key != "key" {
		t.Errorf("%+v", o)
	}
}

// The key comes from any of its sources, with every byte.
func TestKey(t *testing.T) {
	full := strings.Repeat("k", 448)
	tests := []struct {
		name        string
		args        []string
		file        string // its content
		environment []string
		want        string
	}{
		{name: "argument", args: []string{"9000", "key"}, want: "key"},
		{name: "of full length", args: []string{"9000", full}, want: full},
		{name: "with blanks", args: []string{"9000", " a b "}, want: " a b "},
		{name: "not UTF-8", args: []string{"9000", "\xff\xfe"}, want: "\xff\xfe"},
		{name: "begins with a dash", args: []string{"9000", "--", "-key"}, want: "-key"},
		{name: "looks like a flag", args: []string{"--", "9000", "--help"}, want: "--help"},
		{name: "named like a command", args: []string{"9000", "completion"}, want: "completion"},
		{name: "file", args: []string{"9000", "--key-file", "FILE"}, file: "key", want: "key"},
		{name: "file with line break", args: []string{"9000", "--key-file", "FILE"}, file: "key\n", want: "key"},
		{name: "file from Windows", args: []string{"9000", "--key-file", "FILE"}, file: "key\r\n", want: "key"},
		{name: "file with two line breaks", args: []string{"9000", "--key-file", "FILE"}, file: "key\n\n", want: "key\n"},
		{name: "file with carriage return", args: []string{"9000", "--key-file", "FILE"}, file: "key\r", want: "key\r"},
		{name: "file of full length", args: []string{"9000", "--key-file", "FILE"}, file: full + "\n", want: full},
		{name: "variable", args: []string{"9000"}, environment: []string{"SOP_CHAT_KEY=key"}, want: "key"},
		{name: "file by variable", args: []string{"9000"}, file: "key", environment: []string{"SOP_CHAT_KEY_FILE=FILE"}, want: "key"},
		{
			name: "argument over variables", args: []string{"9000", "key"}, file: "other",
			environment: []string{"SOP_CHAT_KEY=other", "SOP_CHAT_KEY_FILE=FILE"}, want: "key",
		},
		{
			name: "file over variables", args: []string{"9000", "--key-file", "FILE"}, file: "key",
			environment: []string{"SOP_CHAT_KEY=other", "SOP_CHAT_KEY_FILE=none"}, want: "key",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string(nil), test.args...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "FILE", file)
			}
			for i, line := range test.environment {
				if value, ok := strings.CutSuffix(line, "=FILE"); ok {
					test.environment[i] = value + "=" + file
				}
			}
			if got := options(t, process(args, test.environment...)).key; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestKeyFromStandardInput(t *testing.T) {
	p := process([]string{"9000", "--key-file", "-"})
	p.Stdin = strings.NewReader("key\n")
	if got := options(t, p).key; got != "key" {
		t.Errorf("got %q", got)
	}
}

// A key file without a valid key is wrong usage; one that can't be read is an error
// at run time.
func TestBadKeyFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	read := func(content string) (int, string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		status, _, stderr := result(t, process([]string{"9000", "--key-file", file}))
		return status, stderr
	}
	tests := []struct{ content, want string }{
		{"", `the key is empty ("")`},
		{"\n", `the key is empty ("")`},
		{strings.Repeat("k", 449), "the key is 449 bytes long; at most 448 fit"},
		{"sec\x00ret", "the key has a zero byte at position 3"},
	}
	for _, test := range tests {
		if status, stderr := read(test.content); status != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: status %d: %s", test.content, status, stderr)
		}
	}
	for _, name := range []string{filepath.Join(dir, "none"), dir} {
		status, _, stderr := result(t, process([]string{"9000", "--key-file", name}))
		if status != 1 || !strings.Contains(stderr, "the key file can't be read: ") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d: %s", name, status, stderr)
		}
	}
}

func TestPendingLimits(t *testing.T) {
	tests := []struct{ maxClients, maxPending, descriptors, inAll, perAddress int }{
		{4, automatic, 20_000, 64, 16},
		{0, automatic, 20_000, 1024, 256},
		{0, automatic, 0, 1024, 256},
		{0, automatic, 256, 64, 16},
		{4, automatic, 64, 16, 4},
		{4, automatic, 3, 1, 1},
		{4, 0, 20_000, 0, 0},
		{4, 1, 20_000, 1, 1},
		{4, 3, 20_000, 3, 1},
		{0, 100, 20_000, 100, 25},
		{0, 100, 64, 100, 25},
	}
	for _, test := range tests {
		o := serveOptions{maxClients: test.maxClients, maxPending: test.maxPending}
		if inAll, perAddress := o.pendingLimits(test.descriptors); inAll != test.inAll || perAddress != test.perAddress {
			t.Errorf("%+v: %d in all, %d from one address", test, inAll, perAddress)
		}
	}
}

// The number of loops is the given one, or follows from the number of cores.
func TestLoopsFor(t *testing.T) {
	for _, test := range []struct{ loops, cores, want int }{
		{automatic, 1, 1},
		{automatic, 2, 1},
		{automatic, 3, 1},
		{automatic, 4, 2},
		{automatic, 8, 4},
		{automatic, 64, 8},
		{4, 1, 4},
		{1, 64, 1},
	} {
		o := serveOptions{loops: test.loops}
		if got := o.loopsFor(test.cores); got != test.want {
			t.Errorf("%+v: %d loops", test, got)
		}
	}
}

// No name in the log looks like another.
func TestNamesInLog(t *testing.T) {
	var out strings.Builder
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: showNames}))
	for _, name := range []string{"alice", "alice\u034f", "\u3164", ""} {
		logger.Info("connection ended", "name", name, "reason", "a\u00e9")
	}
	want := []string{`name=alice `, `name=alice\u{34f} `, `name=\u{3164} `, `name="" `}
	for i, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if !strings.Contains(line, want[i]) {
			t.Errorf("logged %s, want %s", line, want[i])
		}
	}
}
