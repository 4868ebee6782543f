package command

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"sop-chat/internal/config"
)

const exampleBegins = `# A configuration file of sop-chat, with all settings:
#
#   sop-chat --config sop-chat.toml
#   sop-chat config check sop-chat.toml
#
# A setting behind a '#' is not set, and shows its default. The command line wins over
# variables of the environment, such as SOP_CHAT_MAX_CLIENTS=100, and they win over this
# file. docs/config.md has the rest. A file with keys is nobody else's: chmod 600.

# The port to listen on, from 1 to 65535.
port = 9000

# The key that everyone needs to join, at most 448 bytes. Instead, there may be rooms
# and personal keys, at the end of this file.
#key = ""
`

const exampleEnds = `
# Rooms, each a table. Name and key are needed, and no two rooms have the same. What
# else a table does not have is as set above. SIGHUP has them read again.
#[[room]]
#name = "maths"
#key = "correct-horse"
#max-clients = 30
#replay = 20
#retain = "90d"
#rate = "5/s"
#rate-burst = 20
#verify-names = true
#unique-names = true
#disconnect-on-key-change = true

# Personal keys, each a table with what 'sop-chat key new' writes: label, room and hash.
# SIGHUP has them read again.
#[[key]]
#label = "alice"
#room = "maths"
#hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
`

// The example has each flag with its explanation and its default (-update renews it). It
// can be used as it is with a key, and with all its settings.
func TestConfigExample(t *testing.T) {
	var b strings.Builder
	b.WriteString(exampleBegins)
	flags := newServe(process(nil), func(context.Context, serveOptions, Process) error { return nil }).Flags()
	layout := layoutOf(flags)
	settings := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if _, without := f.Annotations[notInFile]; without || f.Hidden || !hasVariable(f) {
			return
		}
		settings++
		option := optionNamed(layout, f.Name)
		b.WriteString("\n" + wrap(f.Usage, "# ", 88) + "\n#" + option.Line(f.DefValue) + "\n")
	})
	b.WriteString(exampleEnds)
	example := filepath.Join("..", "..", "deploy", "sop-chat.toml")
	checkGolden(t, example, b.String())

	written, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	uncommented := regexp.MustCompile(`(?m)^#(\S)`).ReplaceAllString(string(written), "$1")
	top, tables, _ := strings.Cut(uncommented, "\n[[room]]\n")
	want := options(t, process([]string{"9000", "key"}))
	for what, content := range map[string]string{"as it is": string(written), "with all settings": strings.Replace(top, "\nkey = \"\"\n", "\n", 1)} {
		file := configFile(t, content)
		got := options(t, process([]string{"--config", file, "9000", "key"}))
		if what == "with all settings" && len(got.config.atStart.Values) != settings+1 {
			t.Errorf("it has %d settings, not %d and port", len(got.config.atStart.Values), settings)
		}
		got.config, got.configFile = nil, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", what, got, want)
		}
	}
	file, err := config.Parse("example", []byte("[[room]]\n"+tables), layout)
	if err != nil || len(file.TablesNamed(roomTable)) != 1 || len(file.TablesNamed(keyTable)) != 1 {
		t.Errorf("%v, %v", file, err)
	}
}
