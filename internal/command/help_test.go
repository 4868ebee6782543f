package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The help is what testdata/help.txt shows; -update renews it.
func TestHelp(t *testing.T) {
	status, got, stderr := result(t, process([]string{"--help"}))
	if status != 0 || stderr != "" {
		t.Errorf("status %d, standard error %q", status, stderr)
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the help is no longer that of %s; run go test with -update if it should be:\n%s", golden, got)
	}
}

// The help explains every flag, with its variable, and fits a terminal of 80
// columns.
func TestHelpIsWhole(t *testing.T) {
	_, help, _ := result(t, process([]string{"-h"}))
	for line := range strings.Lines(help) {
		if len(line) > 80 {
			t.Errorf("a line of %d columns: %s", len(line)-1, line)
		}
	}
	newServe(process(nil), nil).Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(help, "--"+f.Name+" ") {
			t.Errorf("--%s is not explained", f.Name)
		}
		if hasVariable(f) && !strings.Contains(help, "Variable: "+variable(f.Name)+".") {
			t.Errorf("the variable of --%s is not named", f.Name)
		}
	})
}

// Help is given whatever else is wrong.
func TestHelpInSpiteOfMistakes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h", "99999"}, {"1", "2", "3", "--help"}} {
		if status, _, stderr := result(t, process(args, "SOP_CHAT_STAGE=9")); status != 0 {
			t.Errorf("%q: status %d: %s", args, status, stderr)
		}
	}
}

func TestCompletionIsThereButNotShown(t *testing.T) {
	status, script, _ := result(t, process([]string{"completion", "bash"}))
	if status != 0 || !strings.Contains(script, "sop-chat") {
		t.Errorf("status %d", status)
	}
	if _, help, _ := result(t, process([]string{"--help"})); strings.Contains(help, "completion") {
		t.Error("the help shows the command completion")
	}
}
