package command

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/rooms"
)

// configFile writes a configuration file.
func configFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sop.toml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What a file sets is as if the flags of the same names set it.
func TestConfig(t *testing.T) {
	file := configFile(t, `port = 9001
key = "correct horse"
max-clients = 100
max-pending = "auto"
backlog = "1MiB"
verify-names = true
allow = ["192.0.2.0/24", "::1"]
web = "127.0.0.1:8080"
web-origin = "https://a.example, https://b.example"
ban = "1h"
log-level = "warn"
`)
	want := options(t, process([]string{
		"--max-clients", "100", "--backlog", "1MiB", "--verify-names", "--allow", "192.0.2.0/24,::1", "--web", "127.0.0.1:8080",
		"--web-origin", "https://a.example,https://b.example", "--ban", "1h", "--log-level", "warn", "9001", "correct horse",
	}))
	for _, p := range []Process{process([]string{"--config", file}), process(nil, "SOP_CHAT_CONFIG="+file)} {
		got := options(t, p)
		got.config, got.configFile = nil, ""
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// In each source a setting has another value; the command line wins over variables, and
// they win over the file.
func TestConfigPrecedence(t *testing.T) {
	settings := []struct {
		name   string
		values [4]string // of the default, the file, the variable and the command line
		get    func(serveOptions) string
	}{
		{"max-clients", [4]string{"4", "10", "20", "30"}, func(o serveOptions) string { return fmt.Sprint(o.maxClients) }},
		{"loops", [4]string{"-1", "1", "2", "3"}, func(o serveOptions) string { return fmt.Sprint(o.loops) }},
		{"bind", [4]string{"::", "::1", "127.0.0.1", "127.0.0.2"}, func(o serveOptions) string { return o.bind }},
		{"unique-names", [4]string{"false", "true", "false", "true"}, func(o serveOptions) string { return fmt.Sprint(o.uniqueNames) }},
		{"trusted-proxy", [4]string{"", "192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"}, func(o serveOptions) string {
			return strings.Trim(fmt.Sprint(o.proxies), "[]")
		}},
		{"port", [4]string{"9000", "9001", "9002", "9003"}, func(o serveOptions) string { return fmt.Sprint(o.port) }},
		{"key", [4]string{"default", "of the file", "of the variable", "of the command line"}, func(o serveOptions) string { return o.key }},
	}
	rapid.Check(t, func(rt *rapid.T) {
		var file strings.Builder
		var environment, args, arguments []string
		want := make(map[string]string)
		onCommandLine := make(map[string]bool)
		for _, s := range settings {
			layers := rapid.SliceOfN(rapid.Bool(), 4, 4).Draw(rt, s.name)
			switch s.name {
			case "port": // has no default
				layers[1] = layers[1] || !layers[2] && !layers[3]
			case "key": // a single argument is PORT
				layers[3] = layers[3] && onCommandLine["port"]
				layers[1] = layers[1] || !layers[2] && !layers[3]
			}
			want[s.name] = s.values[0]
			if layers[1] {
				want[s.name] = s.values[1]
				line := s.name + " = " + s.values[1] + "\n"
				if !slices.Contains([]string{"max-clients", "loops", "unique-names", "port"}, s.name) {
					line = fmt.Sprintf("%s = %q\n", s.name, s.values[1])
				}
				file.WriteString(line)
			}
			if layers[2] {
				want[s.name] = s.values[2]
				environment = append(environment, variable(s.name)+"="+s.values[2])
			}
			if layers[3] {
				want[s.name] = s.values[3]
				onCommandLine[s.name] = true
				if s.name == "port" || s.name == "key" {
					arguments = append(arguments, s.values[3])
				} else {
					args = append(args, "--"+s.name+"="+s.values[3])
				}
			}
		}
		name := configFile(t, file.String())
		args = slices.Concat([]string{"--config", name}, args, arguments)
		o, err := tryOptions(process(args, environment...))
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range settings {
			if got := s.get(o); got != want[s.name] {
				rt.Errorf("%s is %q, want %q", s.name, got, want[s.name])
			}
		}
		// What is printed has the same values in force.
		status, printed, stderr := result(t, process(append([]string{"config", "print", "--show-secrets"}, args...), environment...))
		if status != 0 || stderr != "" {
			rt.Fatalf("status %d, %s", status, stderr)
		}
		again, err := tryOptions(process([]string{"--config", configFile(t, printed)}))
		if err != nil {
			rt.Fatal(err)
		}
		for _, s := range settings {
			if got := s.get(again); got != want[s.name] {
				rt.Errorf("%s is printed as %q, want %q", s.name, got, want[s.name])
			}
		}
	})
}

// Of KEY and key-file, the higher source counts, and two of the same are an error.
func TestConfigKey(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, file := "key = \"of the configuration\"\n", fmt.Sprintf("key-file = %q\n", keyFile)
	for _, test := range []struct {
		content     string
		args        []string
		environment []string
		want        string
	}{
		{content: key, want: "of the configuration"},
		{content: file, want: "of a file"},
		{content: key, args: []string{"--key-file", keyFile}, want: "of a file"},
		{content: key, environment: []string{"SOP_CHAT_KEY_FILE=" + keyFile}, want: "of a file"},
		{content: key, environment: []string{"SOP_CHAT_KEY=of the variable"}, want: "of the variable"},
		{content: file, environment: []string{"SOP_CHAT_KEY=of the variable"}, want: "of the variable"},
		{content: file, args: []string{"9000", "argument"}, want: "argument"},
		{content: file + key, args: []string{"9000", "argument"}, want: "argument"},
	} {
		args := append([]string{"--config", configFile(t, "port = 9000\n"+test.content)}, test.args...)
		if got := options(t, process(args, test.environment...)).key; got != test.want {
			t.Errorf("%q %q %q: the key is %q, want %q", test.content, test.args, test.environment, got, test.want)
		}
	}
	both := configFile(t, "port = 9000\n"+key+file)
	if _, err := tryOptions(process([]string{"--config", both})); err == nil || err.Error() != "both key and key-file are in "+both+"; leave one of them out" {
		t.Error(err)
	}
}

// What is missing can be in the file, too.
func TestConfigLacks(t *testing.T) {
	for content, want := range map[string]string{
		"":                "PORT and KEY are missing: give them as arguments, or in SOP_CHAT_PORT and SOP_CHAT_KEY, or as port and key in FILE",
		"key = \"a\"\n":   "PORT is missing: give it as the argument, or in SOP_CHAT_PORT, or as port in FILE",
		"port = 9000\n":   "KEY is missing: give it after PORT, in a file with --key-file, or in SOP_CHAT_KEY, or as key in FILE",
		"no-plain = true": "KEY is missing: give it as the argument, in a file with --key-file, or in SOP_CHAT_KEY, or as key in FILE",
	} {
		file := configFile(t, content)
		if _, err := tryOptions(process([]string{"--config", file})); err == nil || err.Error() != strings.ReplaceAll(want, "FILE", file) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// Rooms and personal keys of the file stand beside those of the flags, with the same rules.
func TestConfigRoomsAndKeys(t *testing.T) {
	people := keysFile(t, keyLine("alice", "maths", "one"))
	more := roomsFile(t, "[[room]]\nname = \"physics\"\nkey = \"3\"\n")
	file := configFile(t, fmt.Sprintf(`port = 9000
max-clients = 7
rooms = %q
keys = %q

[[room]]
name = "maths"
key = "1"
replay = 5

[[key]]
label = "bob"
room = "physics"
%s`, more, people, keyHash("two")))
	o := options(t, process([]string{"--config", file, "--room", "a=2"}))
	var names []string
	for _, room := range o.rooms {
		names = append(names, fmt.Sprintf("%s %s %d %d", room.Name, room.Key, room.MaxClients, room.Replay))
	}
	if want := []string{"a 2 7 0", "physics 3 7 0", "maths 1 7 5"}; !slices.Equal(names, want) {
		t.Errorf("the rooms are %q, want %q", names, want)
	}
	if len(o.personalKeys) != 2 || o.personalKeys[0].Label != "alice" || o.personalKeys[1].Room != "physics" {
		t.Errorf("the personal keys are %v", o.personalKeys)
	}
}

// What is wrong with a file is said with its line, at the start and by the command check,
// which says all of it. The status is 2.
func TestConfigErrors(t *testing.T) {
	hash := keyHash("two")
	const room = "[[room]]\nname = \"a\"\nkey = \"secret\"\n"
	for _, test := range []struct{ content, want string }{
		{"max-clients = -1\n", `FILE:1: max-clients: "-1" is not a whole number from 0 to 1000000`},
		{"ban = 10\n", `FILE:1: ban: "10" is not a duration from 1ms to 24h, such as 10s or 2m30s; it must be a text in quotes`},
		{"backlog = \"1\"\n", `FILE:1: backlog: "1" is not a size from 64KiB to `},
		{"deny = [\"192.0.2.0/33\"]\n", `FILE:1: deny: `},
		{"max_client = 3\n", `FILE:1: there is no setting "max_client"; is "max-clients" meant?`},
		{"config = \"a\"\n", `FILE:1: "config" can't be set in a file, only on the command line or by its variable`},
		{"mention = [\"secret\"]\n", `FILE:1: mention: there is no '='; mentions are posted to NAME=URL`},
		{"port = 70000\n", `FILE:1: port: "70000" is not a number from 1 to 65535`},
		{"port = \"9000\"\n", `FILE:1: port: "9000" must be a whole number, without quotes`},
		{"\nkey = \"" + strings.Repeat("k", 449) + "\"\n", `FILE:2: key: the key is 449 bytes long; at most 448 fit`},
		{"stage = 5\n\nbind = 1\nlog-level = \"loud\"\n" + room + "replay = true\nweb = \":80\"\n[[room]]\nkey = \"secret\"\n[[key]]\nlabel = \"a\"\n", "" +
			`FILE:1: stage: "5" is not a whole number from 1 to 4` + "\n" +
			`FILE:3: bind: 1 must be a text in quotes` + "\n" +
			`FILE:4: log-level: "loud" is not debug, info, warn or error` + "\n" +
			`FILE:8: replay: the value must be a whole number, without quotes` + "\n" +
			`FILE:9: "web" is a setting of the server, and stands above the first table` + "\n" +
			`FILE:10: the room has no name; it needs a line such as name = "class 3a"` + "\n" +
			`FILE:12: the key of "a" has no hash; 'sop-chat key hash' makes one`},

		// What does not fit together is found when the rest is right.
		{"port = 9000\nweb-origin = [\"https://a.example\"]\nkey = \"secret\"\n", `FILE:2: --web-origin is about a page, and there is none without --web`},
		{"port = 9000\nreplay = 1000000\nkey = \"secret\"\n", `FILE:2: --replay 1000000 is too much for a --backlog of `},
		{"port = 9000\n" + room + room, `FILE:5: there is another room "a", at FILE:2; each needs a name of its own`},
		{"port = 9000\n" + room + "replay = 1000000", `FILE:2: room "a": replay = 1000000 is too much for a --backlog of `},
		{"port = 9000\n[[key]]\nlabel = \"a\"\nroom = \"b\"\n" + hash, `FILE:2: there is no room "b"; there is "main"`},
		{"port = 9000\nkey = \"secret\"\n[[key]]\nlabel = \"a\"\n" + hash, `FILE:3: a file can't have both [[key]] and the setting "key", at FILE:2; ` +
			`put that into a [[room]] with the name "main", or into a file (key-file)`},
	} {
		file := configFile(t, test.content)
		want := strings.ReplaceAll(test.want, "FILE", file)
		status, stdout, stderr := result(t, process([]string{"config", "check", file}))
		got := strings.TrimSuffix(strings.TrimPrefix(strings.ReplaceAll(stderr, "\nsop-chat: ", "\n"), "sop-chat: "), "\n")
		if status != 2 || stdout != "" || got != want && !(strings.HasSuffix(want, " ") && strings.HasPrefix(got, want)) {
			t.Errorf("%s\nstatus %d\n%s\nwant\n%s", test.content, status, got, want)
		}
		if strings.Contains(stderr, "secret") {
			t.Errorf("the error has the key: %s", stderr)
		}
		first, more, several := strings.Cut(want, "\n")
		if several {
			first += fmt.Sprintf(" (and %d more; 'sop-chat config check' shows all)", strings.Count(more, "\n")+1)
		}
		if _, err := tryOptions(process([]string{"--config", file})); err == nil || !strings.HasPrefix(err.Error(), first) {
			t.Errorf("at the start\n%v\nwant\n%s", err, first)
		}
	}
}

// A file without an error is counted; what the command line may have can be missing. One
// with keys that others can read is warned of.
func TestConfigCheck(t *testing.T) {
	personal := "[[key]]\nlabel = \"bob\"\n" + keyHash("two")
	const rooms = "[[room]]\nname = \"a\"\nkey = \"1\"\n[[room]]\nname = \"main\"\nkey = \"2\"\n"
	const keys, hashes = "read the keys in", "read the hashes of the personal keys in"
	for _, test := range []struct{ content, want, warning string }{
		{content: "", want: "0 settings, 0 rooms and 0 personal keys"},
		{content: "max-clients = 3\nport = 9000\n", want: "2 settings, 0 rooms and 0 personal keys"},
		{content: "port = 9000\nkey = \"1\"\n", want: "2 settings, 0 rooms and 0 personal keys", warning: keys},
		{content: "no-plain = true\ntls = \":9443\"\ntls-cert = \"a\"\ntls-key = \"b\"\n", want: "4 settings, 0 rooms and 0 personal keys"},
		{content: rooms, want: "0 settings, 2 rooms and 0 personal keys", warning: keys},
		{content: rooms + personal, want: "0 settings, 2 rooms and 1 personal key", warning: keys},
		{content: personal, want: "0 settings, 0 rooms and 1 personal key", warning: hashes},
	} {
		file := configFile(t, test.content)
		want := fmt.Sprintf("%s has %s without an error\n", file, test.want)
		for mode, warning := range map[os.FileMode]string{0o600: "", 0o644: test.warning} {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			for _, p := range []Process{process([]string{"config", "check", file}), process([]string{"config", "check"}, "SOP_CHAT_CONFIG="+file)} {
				status, stdout, stderr := result(t, p)
				if status != 0 || stdout != want || (stderr == "") != (warning == "") || !strings.Contains(stderr, warning) {
					t.Errorf("%s: mode %v, status %d, %s, %s, want %s and %s", test.content, mode, status, stdout, stderr, want, warning)
				}
			}
		}
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{nil, 2, "FILE is missing: give it as the argument, or in SOP_CHAT_CONFIG"},
		{[]string{"a", "b"}, 2, `"b" is one argument too many`},
		{[]string{"/nonexistent.toml"}, 2, "the configuration file can't be read: open /nonexistent.toml: no such file or directory"},
	} {
		status, _, stderr := result(t, process(append([]string{"config", "check"}, test.args...)))
		if status != test.status || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: status %d, %s", test.args, status, stderr)
		}
	}
}

// All that is in force is shown with where it comes from, and keys only if that is asked for.
func TestConfigPrint(t *testing.T) {
	hash := keyHash("two")
	file := configFile(t, `key-file = "k.txt"
max-clients = 50
allow = ["192.0.2.0/24",
         "::1"]
history = "a \"b\".db"
mention = ["ci=https://u:secret%205@example.com/?secret 6", "ops=http://localhost/secret 7"]

[[room]]
name = "maths"
key = "secret 1"
replay = 0x05

[[key]]
label = "bob"
`+hash)
	args := []string{"config", "print", "--config", file, "--room", "a=secret 2", "--replay", "9", "9000", "secret 3"}
	environment := []string{"SOP_CHAT_MAX_CLIENTS=60", "SOP_CHAT_VERIFY_NAMES=1"}
	status, stdout, stderr := result(t, process(args, environment...))
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, line := range []string{
		"# Keys, hashes and addresses of --mention are left out; --show-secrets shows them.",
		"port = 9000  # PORT",
		`#key = "…"  # KEY`,
		`#key-file = "k.txt"  # FILE:1; not in force, because of KEY`,
		"max-clients = 60  # SOP_CHAT_MAX_CLIENTS",
		"verify-names = true  # SOP_CHAT_VERIFY_NAMES",
		"replay = 9  # --replay",
		`allow = ["192.0.2.0/24", "::1"]  # FILE:3`,
		`history = "a \"b\".db"  # FILE:5`,
		`#mention = ["ci=…", "ops=…"]  # FILE:6`,
		`web = ""  # default`,
		`trusted-proxy = []  # default`,
		`backlog = "auto"  # default`,
		"",
		"[[room]]  # --room",
		`name = "a"`,
		`#key = "…"`,
		"",
		"[[room]]  # FILE:8",
		`name = "maths"`,
		`#key = "…"`,
		"replay = 5",
		"",
		"[[key]]  # FILE:13",
		`label = "bob"`,
		`#hash = "…"`,
	} {
		line = strings.ReplaceAll(line, "FILE", file)
		if !slices.Contains(strings.Split(stdout, "\n"), line) {
			t.Errorf("there is no line %s", line)
		}
	}
	if strings.Contains(stdout, "secret ") || strings.Contains(stdout, "secret%") || strings.Contains(stdout, "argon2id") {
		t.Error("secrets are shown")
	}
	if t.Failed() {
		t.Log(stdout)
	}

	// With the secrets, it is a file that can be used. That of KEY is a room.
	status, stdout, stderr = result(t, process(append(args, "--show-secrets"), environment...))
	if status != 0 || stderr != "" || !strings.Contains(stdout, "[[room]]  # KEY\nname = \"main\"\nkey = \"secret 3\"\n") {
		t.Fatalf("status %d, %s, %s", status, stdout, stderr)
	}
	if status, _, stderr = result(t, process([]string{"config", "check", configFile(t, stdout)})); status != 0 {
		t.Errorf("status %d, %s of\n%s", status, stderr, stdout)
	}
}

// A file that is printed with its secrets means the same.
func TestConfigPrintAgain(t *testing.T) {
	args := []string{
		"--room", "a=\"1\\\x7f", "--replay", "9", "--rate", "5/s", "--no-plain", "--tls", ":9443",
		"--tls-cert", "a", "--tls-key", "b", "--web-origin", "https://a.example", "--web", ":80", "--history", "h.db",
		"--mention", "a=https://u:p@a.example/?b=c,d", "--mention", "ä b=http://localhost/", "żółw\n",
	}
	status, stdout, stderr := result(t, process(append([]string{"config", "print", "--show-secrets"}, args...)))
	if status != 0 {
		t.Fatal(stderr)
	}
	want := options(t, process(args))
	got := options(t, process([]string{"--config", configFile(t, stdout)}))
	for _, o := range []*serveOptions{&want, &got} {
		slices.SortFunc(o.rooms, func(a, b rooms.Room) int { return strings.Compare(a.Name, b.Name) })
		for i := range o.rooms {
			o.rooms[i].At = rooms.Place{}
		}
		o.fixedRooms, o.config, o.configFile = nil, nil, ""
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\n%s", got, want, stdout)
	}
}

// When the file is read again, its rooms and keys are in force, and what else has changed
// is named. A file with an error changes nothing.
func TestConfigReread(t *testing.T) {
	const first = "port = 9000\nmax-clients = 3\n[[room]]\nname = \"a\"\nkey = \"1\"\n"
	file := configFile(t, first)
	o := options(t, process([]string{"--config", file}))
	for _, step := range []struct {
		what, content string
		ok            bool
		rooms, log    string
	}{
		{"as it was", first, true, "a", ""},
		{"another room", first + "[[room]]\nname = \"b\"\nkey = \"2\"\n", true, "a b", ""},
		{"an error", first + "[[room]]\nname = \"c\"\n", false, "a b", `level=ERROR msg="rooms and personal keys stay as they are" error="FILE:6: room \"c\" has no key; `},
		{
			"other settings", "port = 9000\nmax-clients = 4\nweb = \":80\"\n[[room]]\nname = \"c\"\nkey = \"3\"\n", true, "c",
			`level=WARN msg="what else has changed in the configuration file takes effect at the next start" file=FILE settings="max-clients, web"`,
		},
		{
			"the first personal key", first + "[[key]]\nlabel = \"a\"\nroom = \"a\"\n" + keyHash("two"), true, "a",
			`level=WARN msg="what else has changed in the configuration file takes effect at the next start" file=FILE settings=[[key]]`,
		},
		{"no room", "port = 9000\nmax-clients = 3\n", true, "", ""},
	} {
		if err := os.WriteFile(file, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		logger := slog.New(slog.NewTextHandler(&log, nil))
		steps := 0
		r := &reloader{logger: logger, steps: []reloadStep{
			func() []*reloadError { return o.reloadConfig(logger) },
			o.config.unlessFailed(func() []*reloadError { steps++; return nil }),
		}}
		if err := r.Reload(); (err == nil) != step.ok || (steps == 1) != step.ok {
			t.Errorf("%s: %v, %d steps follow", step.what, err, steps)
		}
		want := strings.ReplaceAll(step.log, "FILE", file)
		if want == "" && strings.Count(log.String(), "\n") > 1 || !strings.Contains(log.String(), want) {
			t.Errorf("%s: the log is\n%s\nwant\n%s", step.what, &log, want)
		}
		all, err := o.readRooms()
		if step.rooms == "" {
			if err == nil || !strings.Contains(err.Error(), file+": there is no room any more") {
				t.Errorf("%s: %v, %v", step.what, all, err)
			}
			continue
		}
		var names []string
		for _, room := range all {
			names = append(names, room.Name)
		}
		if got := strings.Join(names, " "); got != step.rooms || err != nil {
			t.Errorf("%s: the rooms are %s, %v; want %s", step.what, got, err, step.rooms)
		}
	}
}

// keyHash returns the line of a table for a secret.
func keyHash(secret string) string {
	_, hash, _ := strings.Cut(keyLine("a", "a", secret), "$")
	return "hash = \"$" + strings.TrimSpace(hash) + "\"\n"
}

// Only the server has a configuration file.
func TestConfigIsOfTheServer(t *testing.T) {
	file := configFile(t, "max-clients = \"wrong\"\n")
	for _, args := range [][]string{{"join", "localhost:1"}, {"bench", "localhost:1"}, {"history", "list", "a.db"}} {
		_, _, stderr := result(t, process(append(args, "--config", file)))
		if !strings.Contains(stderr, "there is no flag --config") {
			t.Errorf("%q: %s", args, stderr)
		}
		if _, _, stderr := result(t, process(args, "SOP_CHAT_CONFIG="+file)); strings.Contains(stderr, file) {
			t.Errorf("%q reads the variable: %s", args, stderr)
		}
	}
}
