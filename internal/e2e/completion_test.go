package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sop-chat/internal/testenv"
)

// bashCompletion is what the script for bash needs; Debian has it in a package of its
// own.
const bashCompletion = "/usr/share/bash-completion/bash_completion"

// The scripts load in their shells, and complete commands, flags, words and files.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for name, shell := range map[string]struct{ command, load string }{
		"bash": {"bash --norc --noprofile", "source " + bashCompletion + "; source <(sop-chat completion bash)"},
		"zsh":  {"zsh -f", "autoload -U compinit; compinit -D -u; source <(sop-chat completion zsh)"},
		"fish": {"fish --no-config", "sop-chat completion fish | source"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(name); err != nil {
				testenv.Lacks(t, name)
			}
			if _, err := os.Stat(bashCompletion); name == "bash" && err != nil {
				testenv.Lacks(t, "the package bash-completion")
			}
			home := t.TempDir()
			if err := os.WriteFile(filepath.Join(home, "lunch.db"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			s := openScreen(t, new(server), 100, 20, shell.command, "HOME="+home, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
			s.enter("cd; " + shell.load + "; echo loa''ded")
			s.press("Enter")
			s.waitFor("loaded")
			for _, line := range []struct{ typed, becomes string }{
				{"sop-chat hist", "sop-chat history "},
				{"sop-chat history sea", "sop-chat history search "},
				{"sop-chat history list lun", "sop-chat history list lunch.db "},
				{"sop-chat --verif", "sop-chat --verify-names "},
				{"sop-chat --console j", "sop-chat --console json "},
				{"sop-chat --log-level=wa", "sop-chat --log-level=warn "},
				{"sop-chat history export --format h", "sop-chat history export --format html "},
				{"sop-chat join loc", "sop-chat join localhost:"},
				{"sop-chat completion pow", "sop-chat completion powershell "},
			} {
				s.press("C-u")
				s.enter(line.typed)
				s.press("Tab")
				s.enter("x") // so that a blank before it is on the screen
				s.waitFor(line.becomes + "x")
			}
		})
	}
}
