package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// A result is the outcome of a command that ended by itself.
type result struct {
	status         int
	stdout, stderr string
}

// run runs a program to its end.
func run(t testing.TB, env []string, name string, args ...string) result {
	t.Helper()
	return runCommand(t, env, exec.Command(name, args...))
}

func runCommand(t testing.TB, env []string, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, environment(env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(testTimeout, func() { cmd.Process.Kill() })
	defer tooLong.Stop()
	cmd.Wait()
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// Wrong usage ends with status 2, and one or two lines on stderr that name the
// fault.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", wire.TextSize+1)
	for _, test := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"PORT"}},
		{[]string{"9000"}, []string{"KEY"}},
		{[]string{"0", "key"}, []string{"0", "65535"}},
		{[]string{"65536", "key"}, []string{"65536"}},
		{[]string{"99999999999999999999", "key"}, []string{"99999999999999999999"}},
		{[]string{"http", "key"}, []string{"http"}},
		{[]string{"9000x", "key"}, []string{"9000x"}},
		{[]string{"9000.5", "key"}, []string{"9000.5"}},
		{[]string{" 9000", "key"}, []string{" 9000"}},
		{[]string{"", "key"}, []string{`""`}},
		{[]string{"--", "-5", "key"}, []string{"-5"}},
		{[]string{"9000", long}, []string{"449", "448"}},
		{[]string{"9000", ""}, []string{"--allow-empty-key"}},
		{[]string{"9000", "key", "extra"}, []string{"3 arguments"}},
		{[]string{"--frobnicate", "9000", "key"}, []string{"--frobnicate"}},
		{[]string{"--max-clients", "-1", "9000", "key"}, []string{"-1", "max-clients"}},
		{[]string{"--max-clients", "many", "9000", "key"}, []string{"many", "max-clients"}},
		{[]string{"--max-pending", "-1", "9000", "key"}, []string{"-1", "max-pending"}},
		{[]string{"--stage", "0", "9000", "key"}, []string{"0", "stage"}},
		{[]string{"--stage", "5", "9000", "key"}, []string{"5", "stage"}},
		{[]string{"--console", "xml", "9000", "key"}, []string{"xml", "console"}},
		{[]string{"--log-level", "loud", "9000", "key"}, []string{"loud", "log-level"}},
		{[]string{"--backlog", "lots", "9000", "key"}, []string{"lots", "backlog"}},
		{[]string{"--backlog", "-1", "9000", "key"}, []string{"-1", "backlog"}},
		{[]string{"--auth-timeout", "soon", "9000", "key"}, []string{"soon", "auth-timeout"}},
		{[]string{"--auth-timeout", "-1s", "9000", "key"}, []string{"-1s", "auth-timeout"}},
		{[]string{"--stall-timeout", "later", "9000", "key"}, []string{"later", "stall-timeout"}},
		{[]string{"--stall-timeout", "-1s", "9000", "key"}, []string{"-1s", "stall-timeout"}},
	} {
		t.Run(fmt.Sprintf("%.60q", test.args), func(t *testing.T) {
			got := run(t, nil, binary, test.args...)
			if got.status != 2 || got.stdout != "" {
				t.Errorf("status is %d, want 2; stdout is %q", got.status, got.stdout)
			}
			expectWords(t, got.stderr, test.says...)
		})
	}
}

// expectWords checks that stderr is one or two lines that contain the parts.
func expectWords(t testing.TB, stderr string, parts ...string) {
	t.Helper()
	if n := strings.Count(stderr, "\n"); n < 1 || n > 2 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("stderr is not one or two lines:\n%s", stderr)
	}
	for _, part := range parts {
		if !strings.Contains(stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, stderr)
		}
	}
}

// A variable's value is checked like a flag's, and the variable is named.
func TestWrongVariable(t *testing.T) {
	t.Parallel()
	got := run(t, []string{"SOP_CHAT_MAX_CLIENTS=many"}, binary, "9000", "key")
	if got.status != 2 {
		t.Errorf("status is %d, want 2", got.status)
	}
	expectWords(t, got.stderr, "many", "SOP_CHAT_MAX_CLIENTS")
}

// An error at run time ends with status 1 and is described in words.
func TestCannotListen(t *testing.T) {
	t.Parallel()
	t.Run("port in use", func(t *testing.T) {
		srv := start(t)
		port := strconv.Itoa(srv.port)
		got := run(t, nil, binary, port, key)
		expectFailure(t, got, port, "in use")
		srv.expectAlive()
	})
	t.Run("address not of this host", func(t *testing.T) {
		got := run(t, nil, binary, "--bind", "192.0.2.1", strconv.Itoa(freePort(t)), key)
		expectFailure(t, got, "192.0.2.1")
	})
	t.Run("no permission", func(t *testing.T) {
		const port = "81"
		if first, _ := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); len(first) < len("1024\n") {
			testenv.Lacks(t, "ports that are not for everybody")
		}
		cmd := exec.Command(binary, port, key)
		if os.Getuid() == 0 {
			const nobody = 65534
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		expectFailure(t, runCommand(t, nil, cmd), port, "permission")
	})
}

func expectFailure(t testing.TB, got result, parts ...string) {
	t.Helper()
	if got.status != 1 {
		t.Errorf("status is %d, want 1", got.status)
	}
	expectWords(t, got.stderr, parts...)
}
