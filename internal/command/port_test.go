package command

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// PORT and KEY may come from arguments and variables in every combination. An
// argument wins over a variable, and a single one is PORT whatever is set.
func TestPortAndKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("of file"), 0o600); err != nil {
		t.Fatal(err)
	}
	const (
		noPort = "PORT is missing: give it as the argument, or in SOP_CHAT_PORT"
		noKey  = "KEY is missing: give it after PORT, in a file with --key-file, or in SOP_CHAT_KEY"
		none   = "PORT and KEY are missing: give them as arguments, or in SOP_CHAT_PORT and SOP_CHAT_KEY"
	)
	ports := []struct {
		args, environment []string
		want              uint16 // 0: it is missing
	}{
		{},
		{environment: []string{"SOP_CHAT_PORT="}},
		{environment: []string{"SOP_CHAT_PORT=9001"}, want: 9001},
		{args: []string{"9000"}, want: 9000},
		{args: []string{"9000"}, environment: []string{"SOP_CHAT_PORT=9001"}, want: 9000},
		{args: []string{"9000"}, environment: []string{"SOP_CHAT_PORT=nonsense"}, want: 9000},
	}
	keys := []struct {
		args, environment []string
		afterPort         bool
		want              string // empty: it is missing
	}{
		{},
		{environment: []string{"SOP_CHAT_KEY="}},
		{environment: []string{"SOP_CHAT_KEY=9002"}, want: "9002"},
		{environment: []string{"SOP_CHAT_KEY_FILE=" + file}, want: "of file"},
		{args: []string{"--key-file", file}, want: "of file"},
		{args: []string{"--key-file", file}, environment: []string{"SOP_CHAT_KEY=9002"}, want: "of file"},
		{args: []string{"9003"}, afterPort: true, want: "9003"},
		{args: []string{"9003"}, environment: []string{"SOP_CHAT_KEY=9002"}, afterPort: true, want: "9003"},
		{args: []string{"9003"}, environment: []string{"SOP_CHAT_KEY_FILE=" + file}, afterPort: true, want: "9003"},
	}
	for _, port := range ports {
		for _, key := range keys {
			if key.afterPort && len(port.args) == 0 {
				continue // it would be PORT
			}
			want := ""
			switch {
			case port.want == 0 && key.want == "":
				want = none
			case port.want == 0:
				want = noPort
			case key.want == "":
				want = noKey
			}
			p := process(slices.Concat(port.args, key.args), slices.Concat(port.environment, key.environment)...)
			var got serveOptions
			cmd := newServe(p, func(_ context.Context, o serveOptions, _ Process) error {
				got = o
				return nil
			})
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(p.Args)
			err := cmd.Execute()
			switch {
			case want != "":
				if err == nil || err.Error() != want {
					t.Errorf("%q %q %q: %v, want %s", p.Args, port.environment, key.environment, err, want)
				}
			case err != nil || got.port != port.want || got.key != key.want:
				t.Errorf("%q %q %q: port %d, key %q, %v; want %d, %q",
					p.Args, port.environment, key.environment, got.port, got.key, err, port.want, key.want)
			}
		}
	}
}

// A single argument that is not a port may be the key, and is not repeated.
func TestSingleArgumentIsPort(t *testing.T) {
	o := options(t, process([]string{"9003"}, "SOP_CHAT_PORT=9001", "SOP_CHAT_KEY=key"))
	if o.port != 9003 || o.key != "key" {
		t.Errorf("port %d, key %q", o.port, o.key)
	}
	status, _, stderr := result(t, process([]string{"joint"}, "SOP_CHAT_PORT=9001"))
	if want := "sop-chat: the first argument is PORT even if SOP_CHAT_PORT is set, and it is not a number from 1 to 65535; " +
		"KEY goes after PORT, into a file (--key-file) or into SOP_CHAT_KEY\nTry 'sop-chat --help'.\n"; status != 2 || stderr != want {
		t.Errorf("status %d:\n%swant:\n%s", status, stderr, want)
	}
}
