package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"sop-chat/internal/tomlfile"
)

// testLayout has an option of each kind.
var testLayout = Layout{
	Options: []Option{
		{Name: "key", Kind: tomlfile.Text, Secret: true, Check: atMost(20)},
		{Name: "max-clients", Kind: tomlfile.Number, Check: func(text string) error {
			if _, err := strconv.ParseUint(text, 10, 8); err != nil && text != "auto" {
				return fmt.Errorf("%q is not a whole number from 0 to 255, or auto", text)
			}
			return nil
		}},
		{Name: "verify-names", Kind: tomlfile.Truth, Check: func(text string) error {
			_, err := strconv.ParseBool(text)
			return err
		}},
		{Name: "history", Kind: tomlfile.Text, Check: atMost(20)},
		{Name: "allow", Kind: tomlfile.List, Separator: ",", Check: atMost(20)},
	},
	Tables: []Table{
		{Name: "room", Settings: []string{"name", "key"}, Secret: "key"},
		{Name: "key", Settings: []string{"label", "hash"}, Secret: "hash", Instead: "take another way"},
	},
}

func atMost(n int) func(string) error {
	return func(text string) error {
		if len(text) > n {
			return fmt.Errorf("%q is too long", text)
		}
		return nil
	}
}

// Values are read as flags have them, and keep their lines.
func TestParse(t *testing.T) {
	const content = `# a comment
max-clients = 1_00
verify-names = true
history = '''
a'''
allow = [
  "10.0.0.0/8",  # one
  "::1",
]

[[key]]
label = "alice"
[[room]]
name = "maths"
`
	file, err := Parse("f", []byte(content), testLayout)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Value{
		"max-clients":  {"100", InFile, "f:2"},
		"verify-names": {"true", InFile, "f:3"},
		"history":      {"a", InFile, "f:4"},
		"allow":        {"10.0.0.0/8,::1", InFile, "f:6"},
	}
	if !reflect.DeepEqual(file.Values, want) {
		t.Errorf("got %v, want %v", file.Values, want)
	}
	rooms, keys := file.TablesNamed("room"), file.TablesNamed("key")
	if len(rooms) != 1 || rooms[0].At.Line != 13 || len(keys) != 1 || keys[0].Settings[0].At.Line != 12 {
		t.Errorf("the tables are %v and %v", rooms, keys)
	}
	for _, also := range []struct{ content, text string }{
		{`max-clients = "auto"`, "auto"},
		{`allow = "a,b"`, "a,b"},
		{`allow = []`, ""},
		{`key = ""`, ""},
	} {
		file, err := Parse("f", []byte(also.content), testLayout)
		name, _, _ := strings.Cut(also.content, " ")
		if err != nil || file.Values[name].Text != also.text {
			t.Errorf("%s: %v, %v", also.content, file, err)
		}
	}
}

// Each error begins with file and line, and says what is wrong and what is right. None has
// a secret. All errors of a file are reported, in the order of their lines.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ content, want string }{
		{"\nmax_clients = 3", `f:2: there is no setting "max_clients"; is "max-clients" meant?`},
		{"--max-clients = 3", `f:1: there is no setting "--max-clients"; is "max-clients" meant?`},
		{"SOP_CHAT_MAX_CLIENTS = 3", `f:1: there is no setting "SOP_CHAT_MAX_CLIENTS"; is "max-clients" meant?`},
		{"histroy = \"a\"", `f:1: there is no setting "histroy"; is "history" meant?`},
		{"colour = 3", `f:1: there is no setting "colour"; there is one for each flag of 'sop-chat --help', with its name`},
		{"max-clients = 256", `f:1: max-clients: "256" is not a whole number from 0 to 255, or auto`},
		{"max-clients = \"many\"", `f:1: max-clients: "many" is not a whole number from 0 to 255, or auto`},
		{"max-clients = \"3\"", `f:1: max-clients: "3" must be a whole number, without quotes`},
		{"max-clients = 1.5", `f:1: max-clients: 1.5 must be a whole number, without quotes`},
		{"max-clients = [3]", `f:1: max-clients: the value must be a whole number, without quotes`},
		{"max-clients = true", `f:1: max-clients: "true" is not a whole number from 0 to 255, or auto; it must be a whole number, without quotes`},
		{"verify-names = 1", `f:1: verify-names: 1 must be true or false, without quotes`},
		{"verify-names = \"true\"", `f:1: verify-names: "true" must be true or false, without quotes`},
		{"history = 5", `f:1: history: 5 must be a text in quotes`},
		{"history = \"" + strings.Repeat("a", 21) + "\"", `f:1: history: "aaaaaaaaaaaaaaaaaaaaa" is too long`},
		{"allow = [1]", `f:1: allow: what is in the list must be texts in quotes`},
		{"allow = 1", `f:1: allow: 1 must be a list such as ["one", "another"]`},
		{"allow = {a = 1}", `f:1: allow: the value must be a list such as ["one", "another"]`},
		{"key = 123.45", `f:1: key: the value must be a text in quotes`},
		{"history = 1979-05-27", `f:1: history: 1979-05-27 must be a text in quotes`},
		{"key = 12345", `f:1: key: the value must be a text in quotes`},
		{"room = \"a\"", `f:1: "room" is no setting; each room is a table that begins with a line [[room]]`},

		{"[server]\nkey = \"secret\"", `f:1: there is no table "server"; settings stand at the top of the file, and below them [[room]] and [[key]]`},
		{"[room]\nname = \"a\"", `f:1: [room] needs two brackets at each side: [[room]]`},
		{"[[room]]\nhistory = \"a\"", `f:2: "history" is a setting of the server, and stands above the first table`},
		{"[[room]]\nnmae = \"a\"", `f:2: there is no setting "nmae"; is "name" meant?`},
		{"[[key]]\ncolour = \"a\"", `f:2: there is no setting "colour"; a key has label, hash`},
		{"key = \"secret\"\n[[key]]", `f:2: a file can't have both [[key]] and the setting "key", at f:1; take another way`},

		{"history = /var/chat.db", `f:1: column 11: `},
		{"history = auto", `f:1: column 11: `},
		{"key = \"secret\nallow = []", `f:1: column 14: `},
		{"allow = []\nallow = []", `f:2: column 1: allow is already defined`},

		{
			"max-clients = \"x\"\n[[room]]\ncolour = 1\n[rooms]\n", `f:1: max-clients: "x" is not a whole number from 0 to 255, or auto` + "\n" +
				`f:3: there is no setting "colour"; a room has name, key` + "\n" +
				`f:4: there is no table "rooms"; settings stand at the top of the file, and below them [[room]] and [[key]]`,
		},
	} {
		file, err := Parse("f", []byte(test.content), testLayout)
		wrong, ok := errors.AsType[Errors](err)
		if !ok {
			t.Errorf("%q is read as %v, %v", test.content, file, err)
			continue
		}
		if got := lines(wrong); got != test.want && !(strings.HasSuffix(test.want, ": ") && strings.HasPrefix(got, test.want)) {
			t.Errorf("%q:\n%s\nwant\n%s", test.content, got, test.want)
		}
		if strings.Contains(lines(wrong), "secret") || strings.Contains(lines(wrong), "12345") {
			t.Errorf("%q: the error has the secret: %v", test.content, err)
		}
	}
	for _, content := range []string{"history = /var/chat.db", "history = auto", "history = :80"} {
		if _, err := Parse("f", []byte(content), testLayout); !strings.HasSuffix(err.Error(), "; a text needs quotes around it") {
			t.Errorf("%s: %v", content, err)
		}
	}
}

func lines(wrong Errors) string {
	var all []string
	for _, err := range wrong {
		all = append(all, err.Error())
	}
	return strings.Join(all, "\n")
}

// An Errors has its first error, and how many there are.
func TestErrors(t *testing.T) {
	_, err := Parse("f", []byte("a = 1\nb = 1\nc = 1\n"), testLayout)
	if want := `f:1: there is no setting "a"`; !strings.HasPrefix(err.Error(), want) ||
		!strings.HasSuffix(err.Error(), " (and 2 more; 'sop-chat config check' shows all)") {
		t.Error(err)
	}
}

// The settings that differ between two files are those that one of them lacks, or has with
// another value.
func TestChanged(t *testing.T) {
	parse := func(content string) *File {
		file, err := Parse("f", []byte(content), testLayout)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	old := parse("max-clients = 3\nhistory = \"a\"\nkey = \"k\"")
	if got := Changed(old, parse("# moved\nkey = \"k\"\nhistory = \"a\"\nmax-clients = 3")); len(got) > 0 {
		t.Errorf("%q have changed", got)
	}
	if got := Changed(old, parse("max-clients = 4\nallow = []\nkey = \"k\"")); !reflect.DeepEqual(got, []string{"allow", "history", "max-clients"}) {
		t.Errorf("%q have changed", got)
	}
}

// A file that can't be read is no Errors, and is named.
func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f.toml")
	if _, err := Read(name, testLayout); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
	for mode, others := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		if file, err := Read(name, testLayout); err != nil || file.OthersRead != others {
			t.Errorf("mode %v: %v, %v", mode, file, err)
		}
	}
}

// No input makes the parser panic. An error begins with the file, and what is read can be
// written as lines that are read alike.
func FuzzParse(f *testing.F) {
	f.Add([]byte("max-clients = 3\nallow = [\"a\", 'b']\nhistory = \"\\u0041\"\n[[room]]\nname = \"a\"\n[[key]]\nlabel = 'b'\n"))
	f.Add([]byte("key = {a = [1, 2], b.c = 1979-05-27}\r\n[a.b]\n[room]\n[[key]]"))
	f.Add([]byte("verify-names = true\nmax-clients = \"auto\"\nhistory = \"\"\"\na\\\\\n\x7f\"\"\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := Parse("f", content, testLayout)
		if err != nil {
			for _, err := range err.(Errors) {
				if !strings.HasPrefix(err.Error(), "f:") {
					t.Errorf("%q: the error does not begin with the file: %v", content, err)
				}
			}
			return
		}
		for i := range testLayout.Options {
			o := &testLayout.Options[i]
			value, set := file.Values[o.Name]
			if !set || o.Kind == tomlfile.List { // blanks are taken away there
				continue
			}
			again, err := Parse("f", []byte(o.Line(value.Text)), testLayout)
			if err != nil || again.Values[o.Name].Text != value.Text {
				t.Errorf("%q: %s: %v, %v", content, o.Line(value.Text), again, err)
			}
		}
	})
}
