package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/bench"
)

// benchOptionsOf returns what the load generator would be told.
func benchOptionsOf(t testing.TB, p Process) benchOptions {
	t.Helper()
	var got benchOptions
	cmd := newBench(p, func(_ context.Context, o benchOptions, _ Process) error {
		got = o
		return nil
	})
	cmd.SetArgs(p.Args)
	if err := cmd.Execute(); err != nil {
		t.Fatalf("%q: %v", p.Args, err)
	}
	return got
}

func TestBenchDefaults(t *testing.T) {
	want := benchOptions{
		keyOptions: keyOptions{key: "key"},
		servers:    []benchServer{{hostPort: hostPort{"example.org", 9000}}},
		clients:    100, senders: 10, window: 256, warmup: 2 * time.Second, duration: 10 * time.Second,
	}
	if got := benchOptionsOf(t, process([]string{"example.org:9000"}, "SOP_CHAT_KEY=key")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every flag can be given as a variable too; the command line wins.
func TestBenchFlagsAndVariables(t *testing.T) {
	tests := []struct {
		flag, text string
		get        func(benchOptions) any
		want       any
	}{
		{"clients", "1000", func(o benchOptions) any { return o.clients }, 1000},
		{"senders", "0", func(o benchOptions) any { return o.senders }, 0},
		{"rate", "500", func(o benchOptions) any { return o.rate }, 500},
		{"window", "1", func(o benchOptions) any { return o.window }, 1},
		{"duration", "1m", func(o benchOptions) any { return o.duration }, time.Minute},
		{"warmup", "0", func(o benchOptions) any { return o.warmup }, time.Duration(0)},
		{"warmup", "250ms", func(o benchOptions) any { return o.warmup }, 250 * time.Millisecond},
		{"pid", "4711", func(o benchOptions) any { return o.config().Servers[0].PID }, 4711},
		{"json", "true", func(o benchOptions) any { return o.json }, true},
		{"plot", "a.svg", func(o benchOptions) any { return o.plot }, "a.svg"},
		{"rooms", "1", func(o benchOptions) any { return o.keys[0] }, "key 1"},
	}
	for _, test := range tests {
		set := "--" + test.flag + "=" + test.text
		const key = "SOP_CHAT_KEY=key %d"
		for _, p := range []Process{
			process([]string{set, "localhost:9000"}, key),
			process([]string{"localhost:9000", set}, key),
			process([]string{"localhost:9000"}, key, variable(test.flag)+"="+test.text),
			process([]string{"localhost:9000", set}, key, variable(test.flag)+"=nonsense"),
		} {
			if got := test.get(benchOptionsOf(t, p)); got != test.want {
				t.Errorf("%q: got %v, want %v", p.Args, got, test.want)
			}
		}
	}
}

func TestBenchHosts(t *testing.T) {
	for text, want := range map[string]string{
		"localhost:9000": "localhost", ":9000": "localhost", "[::1]:9000": "::1", "192.0.2.1:9000": "192.0.2.1",
	} {
		if got := benchOptionsOf(t, process([]string{text}, "SOP_CHAT_KEY=key")).servers[0]; got.host != want || got.port != 9000 {
			t.Errorf("%s: got %s, %d", text, got.host, got.port)
		}
	}
}

// The page's address leads to its WebSocket.
func TestBenchWebSockets(t *testing.T) {
	for text, want := range map[string]struct{ address, host, path string }{
		"ws://localhost:8080":                 {"localhost:8080", "localhost:8080", "/ws"},
		"ws://[::1]:8080/":                    {"[::1]:8080", "[::1]:8080", "/ws"},
		"ws://chat.example.org/room/ws":       {"chat.example.org:80", "chat.example.org", "/room/ws"},
		"http://192.0.2.1:8080/":              {"192.0.2.1:8080", "192.0.2.1:8080", "/ws"},
		"http://192.0.2.1:8080":               {"192.0.2.1:8080", "192.0.2.1:8080", "/ws"},
		"http://chat.example.org/a%20b/index": {"chat.example.org:80", "chat.example.org", "/a%20b/ws"},
	} {
		o := benchOptionsOf(t, process([]string{text}, "SOP_CHAT_KEY=key"))
		config := o.config()
		if got := o.servers[0].address(); got != want.address {
			t.Errorf("%s: got %s", text, got)
		}
		if web := config.Dialect.WebSocket; web == nil || web.Path != want.path || config.Servers[0].Host != want.host {
			t.Errorf("%s: got %+v of %+v", text, web, config.Servers[0])
		}
	}
}

// Several servers are one cluster, each with a process of its own.
func TestBenchServers(t *testing.T) {
	for _, args := range [][]string{
		{"localhost:9000", "[::1]:9000", ":9001", "--pid", "1,2, 3"},
		{"localhost:9000", "--pid", "1", "[::1]:9000", "--pid=2,3", ":9001"},
	} {
		o := benchOptionsOf(t, process(args, "SOP_CHAT_KEY=key"))
		var got []string
		for i, s := range o.config().Servers {
			got = append(got, fmt.Sprintf("%s %d", o.servers[i].address(), s.PID))
		}
		if want := []string{"localhost:9000 1", "[::1]:9000 2", "localhost:9001 3"}; !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", args, got, want)
		}
	}
	o := benchOptionsOf(t, process([]string{"ws://localhost:8080", "ws://127.0.0.2:8080/ws"}, "SOP_CHAT_KEY=key"))
	if s := o.config().Servers; len(s) != 2 || s[0].Host != "localhost:8080" || s[1].Host != "127.0.0.2:8080" {
		t.Errorf("the servers are %+v", s)
	}
}

// The key comes from a file, standard input or the variable, and may be empty.
func TestBenchKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("of file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args        []string
		environment []string
		want        string
	}{
		{[]string{"localhost:9000"}, []string{"SOP_CHAT_KEY=of variable"}, "of variable"},
		{[]string{"localhost:9000", "--key-file", file}, nil, "of file"},
		{[]string{"localhost:9000", "--key-file", file}, []string{"SOP_CHAT_KEY=of variable"}, "of file"},
		{[]string{"localhost:9000"}, []string{"SOP_CHAT_KEY_FILE=" + file}, "of file"},
		{[]string{"localhost:9000", "--key-file", "-"}, nil, "of input"},
		{[]string{"localhost:9000", "--key-file", empty}, nil, ""},
	}
	for _, test := range tests {
		p := process(test.args, test.environment...)
		p.Stdin = strings.NewReader("of input\n")
		if got := benchOptionsOf(t, p).key; got != test.want {
			t.Errorf("%q %q: got %q, want %q", test.args, test.environment, got, test.want)
		}
	}
}

func TestBenchWrongUsage(t *testing.T) {
	const missing = "the key is missing: give it in a file with --key-file, or in SOP_CHAT_KEY"
	keyed := []string{"SOP_CHAT_KEY=key"}
	tests := []struct {
		args        []string
		environment []string
		want        string
	}{
		{nil, keyed, "HOST:PORT is missing"},
		{[]string{"9000"}, keyed, `"9000" is not HOST:PORT, such as localhost:9000 or [::1]:9000`},
		{[]string{"localhost"}, keyed, `"localhost" is not HOST:PORT, such as localhost:9000 or [::1]:9000`},
		{[]string{"localhost:0"}, keyed, `port "0" is not a number from 1 to 65535`},
		{[]string{"localhost:http"}, keyed, `port "http" is not a number from 1 to 65535`},
		{[]string{"localhost:9000", "key"}, keyed, `argument 2 is not HOST:PORT, such as localhost:9000 or [::1]:9000; the key goes into a file (--key-file) or SOP_CHAT_KEY`},
		{[]string{"localhost:9000", "localhost:0"}, keyed, `port "0" is not a number from 1 to 65535`},
		{[]string{"localhost:9000", ":9000"}, keyed, `":9000" is given twice`},
		{
			[]string{"localhost:9000", "ws://localhost:9000"},
			keyed,
			`"ws://localhost:9000" is of another kind than "localhost:9000"; give all servers as HOST:PORT, or all as ws://HOST:PORT`,
		},
		{
			[]string{"ws://localhost:8080", "ws://localhost:8081/a/ws"},
			keyed,
			`the path of "ws://localhost:8081/a/ws" is not that of "ws://localhost:8080"; all servers of a cluster have their page at the same path`,
		},
		{[]string{"localhost:9000", "localhost:9001", "--pid=1"}, keyed, "--pid has 1 number for 2 servers; give one for each"},
		{[]string{"localhost:9000", "--pid=1,2"}, keyed, "--pid has 2 numbers for 1 server; give one for each"},
		{[]string{"localhost:9000", "localhost:9001", "--pid=1,1"}, keyed, "process 1 is given for two servers"},
		{[]string{"localhost:9000", ":9001", ":9002", "--clients=2", "--senders=1"}, keyed, "2 clients are too few for 3 servers"},
		{[]string{"localhost:9000"}, nil, missing},
		{[]string{"ws://localhost:9000"}, nil, missing},
		{
			[]string{"http://localhost:8080/#key=secret"},
			keyed,
			`"http://localhost:8080/" is followed by a '#'; leave that out, and what comes after it: the key goes into a file (--key-file) or SOP_CHAT_KEY`,
		},
		{[]string{"ws://:8080"}, keyed, `"ws://:8080" is not the address of a WebSocket, such as ws://localhost:8080`},
		{[]string{"ws://localhost:8080/ws?a=b"}, keyed, `"ws://localhost:8080/ws?a=b" is not the address of a WebSocket, such as ws://localhost:8080`},
		{[]string{"ws://localhost:0"}, keyed, `port "0" is not a number from 1 to 65535`},
		{
			[]string{"wss://chat.example.org"},
			keyed,
			`"wss://chat.example.org" is behind TLS, which would be measured as well; give the address that the proxy before the page passes requests on to, such as ws://localhost:8080`,
		},
		{[]string{"tcp://localhost:9000"}, keyed, `"tcp://localhost:9000" begins with tcp://; the address of a WebSocket begins with ws:// or http://`},
		{[]string{"localhost:9000"}, []string{"SOP_CHAT_KEY="}, missing},
		{
			[]string{"localhost:9000"},
			[]string{"SOP_CHAT_KEY=key", "SOP_CHAT_KEY_FILE=file"},
			"both SOP_CHAT_KEY and SOP_CHAT_KEY_FILE are set; unset one of them",
		},
		{[]string{"localhost:9000"}, []string{"SOP_CHAT_KEY=" + strings.Repeat("k", 449)}, "the key is 449 bytes long; at most 448 fit"},
		{[]string{"localhost:9000", "--clients=0"}, keyed, `--clients: "0" is not a whole number from 1 to 1000000`},
		{[]string{"localhost:9000", "--clients=9"}, keyed, "10 senders are more than 9 clients"},
		{[]string{"localhost:9000", "--clients=1", "--senders=1"}, keyed, "a sender needs another client that receives what it sends"},
		{[]string{"localhost:9000", "--senders=-1"}, keyed, `--senders: "-1" is not a whole number from 0 to 1000000`},
		{[]string{"localhost:9000", "--rate=fast"}, keyed, `--rate: "fast" is not a whole number from 0 to 100000000`},
		{
			[]string{"localhost:9000", "--rate=1000000", "--senders=1", "--duration=2h"},
			keyed,
			"each sender would send more than 4294967295 messages",
		},
		{[]string{"localhost:9000", "--window=0"}, keyed, `--window: "0" is not a whole number from 1 to 1048576`},
		{[]string{"localhost:9000", "--duration=0"}, keyed, `--duration: "0" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{[]string{"localhost:9000", "--warmup=-1s"}, keyed, `--warmup: "-1s" is not a duration from 1ms to 24h, such as 10s or 2m30s`},
		{[]string{"localhost:9000", "--pid=0"}, keyed, `--pid: "0" is not a whole number from 1 to 4194304`},
		{[]string{"localhost:9000", "--json=maybe"}, keyed, `--json: "maybe" is not true or false`},
		{[]string{"localhost:9000", "--senders=0", "--plot=a.svg"}, keyed, "there is no latency to plot without senders"},
		{[]string{"localhost:9000", "--bogus"}, keyed, "there is no flag --bogus"},
		{
			[]string{"localhost:9000"},
			[]string{"SOP_CHAT_KEY=key", "SOP_CHAT_RATE=fast"},
			`SOP_CHAT_RATE: "fast" is not a whole number from 0 to 100000000`,
		},
	}
	for _, test := range tests {
		args := append([]string{"bench"}, test.args...)
		status, stdout, stderr := result(t, process(args, test.environment...))
		if status != 2 || stdout != "" {
			t.Errorf("%q %q: status %d, standard output %q", args, test.environment, status, stdout)
		}
		if want := "sop-chat: " + test.want + "\nTry 'sop-chat bench --help'.\n"; stderr != want {
			t.Errorf("%q %q:\n%swant:\n%s", args, test.environment, stderr, want)
		}
	}
}

// The bar says what the generator does and how far it is.
func TestDescribeProgress(t *testing.T) {
	for _, test := range []struct {
		bench.Progress
		want string
	}{
		{
			bench.Progress{Phase: bench.Joining, Part: 0.5, Joined: 50},
			"joining    ███████████████░░░░░░░░░░░░░░░ 50 clients",
		},
		{
			bench.Progress{Phase: bench.Measuring, Part: 1, Joined: 100, Deliveries: 9_970_000},
			"measuring  ██████████████████████████████ 9.97 million deliveries/s",
		},
		{
			bench.Progress{Phase: bench.Draining, Part: 7, Joined: 100},
			"waiting    ██████████████████████████████ 0.00 million deliveries/s",
		},
	} {
		if got := describeProgress(test.Progress); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
