package command

import (
	"strings"
	"testing"
)

// The console shows keys, as the exercise asks for, unless the server is for more than
// that or somebody says so. The link of --web has the key unless somebody says otherwise,
// or it would stay in a file. What is hidden unasked is said.
func TestKeysOnTheConsole(t *testing.T) {
	const line = "sop-chat: the console hides the keys that clients give, because of --web; --console-keys show shows them\n"
	people := keysFile(t, "")
	for _, test := range []struct {
		args       []string
		onTerminal bool // standard error
		hides      bool
		linkHides  bool
		said       string
	}{
		{args: nil, onTerminal: true},
		{args: nil, linkHides: true}, // there is no link
		{args: []string{"--console-keys", "auto"}, onTerminal: true},
		{args: []string{"--console-keys", "hide"}, onTerminal: true, hides: true, linkHides: true},
		{args: []string{"--web", ":8080"}, onTerminal: true, hides: true, said: line},
		{args: []string{"--web", ":8080"}, hides: true, linkHides: true, said: line},
		{args: []string{"--web", ":8080", "--console", "json"}, onTerminal: true, hides: true, said: line},
		{args: []string{"--web", ":8080", "--console", "off"}, onTerminal: true, hides: true},
		{args: []string{"--web", ":8080", "--console-keys", "show"}, onTerminal: true},
		{args: []string{"--web", ":8080", "--console-keys", "show"}},
		{args: []string{"--web", ":8080", "--console-keys", "hide"}, onTerminal: true, hides: true, linkHides: true},
		{args: []string{"--room", "a=b"}, onTerminal: true},
		{args: []string{"--keys", people}, onTerminal: true, hides: true, said: strings.Replace(line, "--web", "--keys", 1)},
		{args: []string{"--keys", people, "--console-keys", "show"}, onTerminal: true},
		{
			args: []string{"--tls", ":9443", "--tls-cert", "c", "--tls-key", "k"}, onTerminal: true, hides: true,
			said: strings.ReplaceAll(line, "--web", "--tls"),
		},
	} {
		p := process(append(test.args, "9000", "key"))
		p.errIsTerminal = test.onTerminal
		o := options(t, p)
		var out strings.Builder
		o.announceHiddenKeys(&out)
		if o.hidesKeys() != test.hides || o.linkHidesKey(p) != test.linkHides || out.String() != test.said {
			t.Errorf("%q, on a terminal %v: hidden on the console %v, in the link %v: %s",
				test.args, test.onTerminal, o.hidesKeys(), o.linkHidesKey(p), &out)
		}
	}
}
