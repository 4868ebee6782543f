package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// testTimeout is how long a test waits for a condition. It is far longer than
// needed, so that tests don't fail on a busy machine.
const testTimeout = 60 * time.Second

// binary is the path of the server that all tests run.
var binary string

// TestMain builds the binary once.
func TestMain(m *testing.M) {
	if runtime.GOOS != "linux" {
		fmt.Println("skipped: the server runs on Linux")
		return
	}
	if refused := os.Getenv(denials); refused != "" {
		fmt.Fprintln(os.Stderr, runDenied(refused))
		os.Exit(1)
	}
	if later := os.Getenv("SOP_CHAT_E2E_LATER"); later != "" { // tests that .ci/run runs in another step
		flag.Parse()
		flag.Set("test.skip", later)
	}
	dir, err := os.MkdirTemp("", "sop-chat-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "sop-chat")
	err = os.Chmod(dir, 0o755) // One test runs it as another user.
	if err == nil {
		err = build(binary)
	}
	if err != nil {
		os.RemoveAll(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(tests{m}, goleak.Cleanup(func(status int) {
		os.RemoveAll(dir)
		os.Exit(status)
	}))
}

// tests ends what tests share once they have run.
type tests struct{ *testing.M }

func (t tests) Run() int {
	status := t.M.Run()
	if shared.stop != nil {
		shared.stop()
	}
	return status
}

// build builds the server, with the race detector if the tests have it.
func build(path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	if raceEnabled {
		args = append(args, "-race")
	} else {
		args = append(args, "-trimpath") // as it is released, so that TestReproducible need not compile it again
	}
	cmd := exec.Command("go", append(args, "../..")...)
	if !raceEnabled { // As it is released, see TestStatic.
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return nil
}

// scaled returns a size for the ordinary run, or the one for SOP_CHAT_E2E=full.
func scaled(ordinary, full int) int {
	if os.Getenv("SOP_CHAT_E2E") == "full" {
		return full
	}
	return ordinary
}

// eventually waits until ok returns true, and fails the test after a timeout.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("in vain waited %v for this: %s", testTimeout, what)
		}
	}
}
