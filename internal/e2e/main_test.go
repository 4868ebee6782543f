package e2e

import (
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

// TestMain builds the binary once, with the race detector if the tests have it.
func TestMain(m *testing.M) {
	if runtime.GOOS != "linux" {
		fmt.Println("skipped: the server runs on Linux")
		return
	}
	if refused := os.Getenv(denials); refused != "" {
		fmt.Fprintln(os.Stderr, runDenied(refused))
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "sop-chat-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := build(dir); err != nil {
		os.RemoveAll(dir)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(status int) {
		os.RemoveAll(dir)
		os.Exit(status)
	}))
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // One test runs it as another user.
		return err
	}
	binary = filepath.Join(dir, "sop-chat")
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
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
