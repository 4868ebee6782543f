package command

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Each command's help is the one in testdata (-update renews it), explains every
// flag, with its variable, and fits a terminal of 80 columns.
func TestHelp(t *testing.T) {
	var shown func(cmd *cobra.Command, args ...string)
	shown = func(cmd *cobra.Command, args ...string) {
		name := strings.Join(append(args, "help.txt"), "_")
		t.Run(name, func(t *testing.T) {
			status, help, stderr := result(t, process(append(args, "--help")))
			if status != 0 || stderr != "" {
				t.Errorf("status %d, standard error %q", status, stderr)
			}
			checkGolden(t, filepath.Join("testdata", name), help)
			checkHelp(t, cmd, help)
		})
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				shown(sub, append(slices.Clone(args), sub.Name())...)
			}
		}
	}
	shown(newRoot(process(nil)))
}

func checkGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s shows; run go test with -update if it should be:\n%s", file, got)
	}
}

func checkHelp(t *testing.T, cmd *cobra.Command, help string) {
	t.Helper()
	for line := range strings.Lines(help) {
		if len(line) > 80 {
			t.Errorf("a line of %d columns: %s", len(line)-1, line)
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			if strings.Contains(help, "--"+f.Name+" ") {
				t.Errorf("--%s is shown although it is hidden", f.Name)
			}
			return
		}
		if !strings.Contains(help, "--"+f.Name+" ") {
			t.Errorf("--%s is not explained", f.Name)
		}
		if value := "--" + f.Name + " " + f.Value.Type(); !onlyShows(f) && !strings.Contains(help, value+" ") && !strings.Contains(help, value+"\n") {
			t.Errorf("nothing separates %s from its explanation", value)
		}
		if hasVariable(f) && !strings.Contains(help, "Variable: "+variable(f.Name)+".") {
			t.Errorf("the variable of --%s is not named", f.Name)
		}
	})
}

// Help is shown even if something else is wrong.
func TestHelpInSpiteOfMistakes(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h", "99999"}, {"1", "2", "3", "--help"}} {
		if status, _, stderr := result(t, process(args, "SOP_CHAT_STAGE=9")); status != 0 {
			t.Errorf("%q: status %d: %s", args, status, stderr)
		}
	}
}
