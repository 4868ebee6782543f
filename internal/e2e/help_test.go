package e2e

import (
	"slices"
	"strings"
	"testing"
)

// --help, --version and licenses are answers, not errors.
func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--help", "--version", "licenses"} {
		got := run(t, nil, binary, flag)
		if got.status != 0 || got.stderr != "" || !strings.HasSuffix(got.stdout, "\n") {
			t.Errorf("%s: status %d, stderr %q, stdout:\n%s", flag, got.status, got.stderr, got.stdout)
		}
	}
	help := run(t, nil, binary, "--help").stdout
	for _, name := range []string{
		"max-clients", "max-pending", "replay", "bind", "stage", "auth-timeout", "stall-timeout", "backlog",
		"console", "log-level", "key-file", "allow-empty-key",
	} {
		variable := "SOP_CHAT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if !strings.Contains(help, "--"+name) || !strings.Contains(help, variable) {
			t.Errorf("--help lacks --%s or %s", name, variable)
		}
	}
	opening := help[:min(len(help), 600)]
	if strings.Count(opening, "sop-chat") < 2 || !slices.Contains(strings.Fields(opening), "9000") {
		t.Errorf("--help does not open with examples:\n%s", opening)
	}
}

// A reader that ends before --help is written causes no error.
func TestHelpIntoHead(t *testing.T) {
	t.Parallel()
	for range 5 {
		got := run(t, nil, "sh", "-c", `"$0" --help | head -1`, binary)
		if got.status != 0 || got.stderr != "" || strings.Count(got.stdout, "\n") != 1 {
			t.Errorf("status %d, stderr %q, stdout %q", got.status, got.stderr, got.stdout)
		}
	}
}
