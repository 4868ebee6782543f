package command

import (
	"slices"
	"strings"
	"testing"
)

// completions returns what is suggested for the last argument, without the
// descriptions, and what the shell's script is told to do besides.
func completions(t *testing.T, args ...string) (suggested []string, directive string) {
	t.Helper()
	status, stdout, _ := result(t, process(append([]string{"__complete"}, args...)))
	if status != 0 {
		t.Fatalf("%q: status %d", args, status)
	}
	for line := range strings.Lines(stdout) {
		line = strings.TrimSuffix(line, "\n")
		if directive, is := strings.CutPrefix(line, ":"); is {
			return suggested, directive
		}
		word, _, _ := strings.Cut(line, "\t")
		suggested = append(suggested, word)
	}
	t.Fatalf("%q: no directive in %q", args, stdout)
	return nil, ""
}

// The sums of cobra's directives that are used.
const (
	anyFiles   = "0"
	noFiles    = "4"
	noFilesYet = "6" // and no blank
	folders    = "16"
	inOrder    = "36" // and no files
)

// Words are suggested where there are only some, files where one is meant, and
// otherwise nothing.
func TestCompletions(t *testing.T) {
	chat := historyFile(t, talk...)
	sayIn(t, chat, "class 3a", afternoon, "bob: bob: hi")
	sayIn(t, chat, "red\x1b[31m", afternoon, "bob: bob: hi") // would act on the terminal
	for _, test := range []struct {
		args      []string
		want      []string
		directive string
	}{
		{[]string{"--console", ""}, []string{"text", "json", "off"}, inOrder},
		{[]string{"--console="}, []string{"text", "json", "off"}, inOrder},
		{[]string{"--log-level", ""}, []string{"debug", "info", "warn", "error"}, inOrder},
		{[]string{"--max-clients", ""}, nil, inOrder},
		{[]string{"--key-file", ""}, nil, anyFiles},
		{[]string{"--acme-dir", ""}, nil, folders},
		{[]string{"--admin", ""}, nil, anyFiles},
		{[]string{"admin", "who", "--socket", ""}, nil, anyFiles},
		{[]string{"--tls-client-ca", ""}, nil, anyFiles},
		{[]string{"bench", "--rooms", ""}, nil, anyFiles},
		{[]string{"9000", ""}, nil, noFiles},
		{[]string{"90"}, nil, noFiles},
		{[]string{"--verify"}, []string{"--verify-names"}, noFiles},
		{[]string{"--sen"}, nil, noFiles}, // --send is hidden
		{[]string{"hi"}, []string{"history"}, noFiles},
		{[]string{"history", "l"}, []string{"list"}, noFiles},
		{[]string{"history", "list", ""}, nil, anyFiles},
		{[]string{"history", "search", chat, ""}, nil, noFiles},
		{[]string{"history", "export", "--format", ""}, []string{"text", "json", "csv", "html"}, inOrder},
		{[]string{"history", "list", chat, "--room", ""}, []string{"class 3a", "main"}, noFiles},
		{[]string{"history", "list", "--room", ""}, nil, noFiles},
		{[]string{"history", "list", chat + ".none", "--room", ""}, nil, noFiles},
		{[]string{"key", "check", ""}, nil, anyFiles},
		{[]string{"key", "new", ""}, nil, noFiles},
		{[]string{"join", "h"}, []string{"http://", "https://"}, noFilesYet},
		{[]string{"bench", "w"}, []string{"ws://"}, noFilesYet},
		{[]string{"join", "localhost:9000", ""}, nil, noFilesYet},
		{[]string{"completion", "z"}, []string{"zsh"}, noFiles},
		{[]string{"man", ""}, nil, folders},
	} {
		got, directive := completions(t, test.args...)
		if !slices.Equal(got, test.want) || directive != test.directive {
			t.Errorf("%q: %q with directive %s, want %q with %s", test.args, got, directive, test.want, test.directive)
		}
	}
}

// Each shell has a script, and another is an error that says which there are.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		status, script, stderr := result(t, process([]string{"completion", shell.name}))
		if status != 0 || !strings.Contains(script, "sop-chat") || stderr != "" {
			t.Errorf("%s: status %d, %q", shell.name, status, stderr)
		}
	}
	for want, args := range map[string][]string{
		`"tcsh" is not bash, zsh, fish or powershell`:   {"completion", "tcsh"},
		"SHELL is missing: bash, zsh, fish, powershell": {"completion"},
		`"extra" is one argument too many`:              {"completion", "bash", "extra"},
	} {
		status, stdout, stderr := result(t, process(args))
		if want := "sop-chat: " + want + "\nTry 'sop-chat completion --help'.\n"; status != 2 || stdout != "" || stderr != want {
			t.Errorf("%q: status %d\n%swant\n%s", args, status, stderr, want)
		}
	}
}
