package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"sop-chat/internal/testenv"
)

// bench runs the load generator against a server that is started for it.
func runBenchAgainst(t *testing.T, stderr io.Writer, flags ...string) (status int, stdout string) {
	t.Helper()
	r := start(t, "open sesame", "--max-clients", "20", "--console", "off")
	args := append([]string{
		"bench", fmt.Sprintf("127.0.0.1:%d", r.port), "--clients", "10", "--senders", "2", "--duration", "100ms", "--warmup", "0",
	}, flags...)
	p := process(args, "SOP_CHAT_KEY=open sesame", "TERM=xterm")
	out := newScreen()
	p.Stdout, p.Stderr = out, stderr
	status = Run(t.Context(), p)
	return status, out.String()
}

// From the arguments to the table, and nothing on a standard error that is no
// terminal.
func TestBench(t *testing.T) {
	stderr := newScreen()
	plot := filepath.Join(t.TempDir(), "plot.svg")
	status, table := runBenchAgainst(t, stderr, "--pid", fmt.Sprint(os.Getpid()), "--plot", plot)
	if status != 0 || stderr.String() != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, row := range []string{"clients  ", "senders  ", "sent  ", "deliveries  ", "latency p50", "server CPU", "server memory"} {
		if !strings.Contains(table, row) {
			t.Errorf("there is no row %q in:\n%s", row, table)
		}
	}
	svg, err := os.ReadFile(plot)
	if err != nil || !strings.HasPrefix(string(svg), "<svg ") || !strings.HasSuffix(string(svg), "</svg>\n") {
		t.Errorf("the plot is %.50q, %v", svg, err)
	}
}

func TestBenchJSON(t *testing.T) {
	stderr := newScreen()
	status, out := runBenchAgainst(t, stderr, "--json", "--rate", "100")
	if status != 0 || stderr.String() != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var report map[string]any
	if err := json.Unmarshal([]byte(out), &report); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("not one object: %v\n%s", err, out)
	}
	var fields []string
	for field := range report {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	want := []string{
		"clients", "deliveries_per_second", "generator", "latency", "rate", "seconds", "senders",
		"sent_per_second", "verified_deliveries", "warnings",
	}
	if !slices.Equal(fields, want) {
		t.Errorf("got  %q\nwant %q", fields, want)
	}
}

// Through WebSockets the same is shown, and what keeps clients out is said.
func TestBenchOverWebSockets(t *testing.T) {
	web := freePort(t)
	start(t, "open sesame", "--max-clients", "20", "--console", "off", "--web", fmt.Sprintf("127.0.0.1:%d", web))
	bench := func(address string, flags ...string) (status int, stdout, stderr string) {
		args := append([]string{"bench", address, "--clients", "10", "--senders", "2", "--duration", "100ms", "--warmup", "0"}, flags...)
		return result(t, process(args, "SOP_CHAT_KEY=open sesame"))
	}
	status, table, stderr := bench(fmt.Sprintf("ws://localhost:%d", web), "--pid", fmt.Sprint(os.Getpid()))
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, row := range []string{"deliveries  ", "latency p50", "server CPU", "server memory", "(sop-chat.v2)\n"} {
		if !strings.Contains(table, row) {
			t.Errorf("there is no row %q in:\n%s", row, table)
		}
	}
	for _, test := range []struct {
		address, want string
		flags         []string
	}{
		{fmt.Sprintf("ws://localhost:%d/other", web), `client 0: the server answers "404 Not Found"`, nil},
		{fmt.Sprintf("http://127.0.0.1:%d/", web), "the server let in 20 of 30 clients", []string{"--clients", "30"}},
	} {
		status, _, stderr := bench(test.address, test.flags...)
		if status != 1 || !strings.HasPrefix(stderr, "sop-chat: "+test.want) {
			t.Errorf("%s: status %d: %s", test.address, status, stderr)
		}
	}
}

// A terminal is shown how far it is, and in the end only the result.
func TestBenchOnTerminal(t *testing.T) {
	terminal, stderr, err := pty.Open()
	if err != nil {
		testenv.Lacks(t, "pseudo-terminals: "+err.Error())
	}
	defer terminal.Close()
	defer stderr.Close()
	shown := newScreen()
	go func() {
		io.Copy(shown, terminal)
		shown.end()
	}()
	if status, _ := runBenchAgainst(t, stderr); status != 0 {
		t.Fatalf("status %d", status)
	}
	shown.waitFor(t, "\rmeasuring  ")
	shown.waitFor(t, "deliveries/s\x1b[K\r\x1b[K")
}

// Two addresses of one server are a cluster that has one order; two servers that nothing
// joins are not.
func TestBenchServersOfCluster(t *testing.T) {
	serve := []string{"open sesame", "--max-clients", "20", "--console", "off"}
	one, other := start(t, serve...), start(t, serve...)
	bench := func(flags ...string) (status int, stdout, stderr string) {
		args := append([]string{"bench", "--clients", "10", "--senders", "4", "--duration", "100ms", "--warmup", "0"}, flags...)
		return result(t, process(args, "SOP_CHAT_KEY=open sesame"))
	}
	first := fmt.Sprintf("127.0.0.1:%d", one.port)
	status, table, stderr := bench(first, fmt.Sprintf("127.0.0.2:%d", one.port))
	if status != 0 || stderr != "" || !strings.Contains(table, "at 2 servers\n") {
		t.Errorf("status %d: %s%s", status, stderr, table)
	}
	status, table, stderr = bench(first, fmt.Sprintf("127.0.0.1:%d", other.port))
	if status != 1 || table != "" || !strings.Contains(stderr, " is at 127.0.0.1:") {
		t.Errorf("status %d: %s%s", status, stderr, table)
	}
}

// A room that is too small is reported, with the flag that makes it larger.
func TestBenchRoomFull(t *testing.T) {
	stderr := newScreen()
	status, _ := runBenchAgainst(t, stderr, "--clients", "30")
	want := "sop-chat: the server let in 20 of 30 clients and closed the next; " +
		"start it with --max-clients 30, or 0 for no limit\n"
	if status != 1 || stderr.String() != want {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// A run that is interrupted prints no half result.
func TestBenchInterrupted(t *testing.T) {
	r := start(t, "key", "--console", "off")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := process([]string{"bench", fmt.Sprintf("127.0.0.1:%d", r.port), "--clients", "2", "--senders", "1"}, "SOP_CHAT_KEY=key")
	stderr := newScreen()
	p.Stderr = stderr
	if status := Run(ctx, p); status != 1 || stderr.String() != "sop-chat: interrupted before there was a result\n" {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func TestBenchFailures(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"no host:9000"}, `"no host" is neither an IP address nor a host name`},
		{[]string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, "client 0 can't connect to 127.0.0.1:"},
		{[]string{"127.0.0.1:9000", "--plot", "/none/plot.svg"}, "the plot can't be written: open /none/plot.svg"},
		{[]string{"127.0.0.1:9000", "--clients", "1000000"}, "1000000 connections need more descriptors than this process may have"},
	} {
		p := process(append([]string{"bench"}, test.args...), "SOP_CHAT_KEY=key")
		status, _, stderr := result(t, p)
		if status != 1 || !strings.HasPrefix(stderr, "sop-chat: "+test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: status %d: %s", test.args, status, stderr)
		}
	}
}
