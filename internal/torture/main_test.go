//go:build linux

package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain is a node of NATS if it is told to be one, so that nothing has to be
// installed for that.
func TestMain(m *testing.M) {
	if config := os.Getenv(nodeVariable); config != "" {
		fmt.Fprintln(os.Stderr, runNode(config))
		os.Exit(1)
	}
	status := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	if folder != "" {
		os.RemoveAll(folder)
	}
	os.Exit(status)
}

// programVariable is the environment variable with the path of a server that is tested
// instead of this one, if it is set.
const programVariable = "TORTURE_PROGRAM"

var folder string // of the server

// builtServer builds the server that all tests run, and returns its path. It is built as the
// end-to-end tests do, so that it is compiled once.
var builtServer = sync.OnceValues(func() (string, error) {
	if program := os.Getenv(programVariable); program != "" {
		return filepath.Abs(program)
	}
	var err error
	if folder, err = os.MkdirTemp("", "sop-chat-torture-"); err != nil {
		return "", err
	}
	path := filepath.Join(folder, "sop-chat")
	build := exec.Command("go", "build", "-trimpath", "-o", path, "../..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, said)
	}
	return path, nil
})

// environment is the tests' own, without what changes the server's behaviour.
func environment() (variables []string) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "SOP_CHAT_") && name != "XDG_RUNTIME_DIR" && name != "RUNTIME_DIRECTORY" {
			variables = append(variables, variable)
		}
	}
	return variables
}

// eventually waits until ok returns true, and reports whether it did within a time.
func eventually(within time.Duration, ok func() bool) bool {
	deadline := time.After(within)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !ok() {
		select {
		case <-again.C:
		case <-deadline:
			return ok()
		}
	}
	return true
}
