package command

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sop-chat/internal/keys"
)

// keysFile writes a file of keys.
func keysFile(t testing.TB, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "people.txt")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// keyLine returns a line for a label, with a hash that begins with a word.
func keyLine(label, room, word string) string {
	salt := (word + "aaaaaaaaaaaaaaaaaaaaaa")[:22]
	return label + " " + room + " $argon2id$v=19$m=19456,t=2,p=1$" + salt[:21] + "A$" + strings.Repeat("a", 42) + "A\n"
}

// The keys of a file let in beside KEY and named rooms. Without either, the only room has
// a key that nobody is told.
func TestPersonalKeys(t *testing.T) {
	file := keysFile(t, keyLine("alice", "main", "one"))
	for _, test := range []struct {
		args         []string
		key          string
		personalOnly bool
	}{
		{[]string{"9000", "key", "--keys", file}, "key", false},
		{[]string{"9000", "--keys", file, "--room", "main=other"}, "", false},
		{[]string{"9000", "--keys", file}, "", true},
	} {
		o := options(t, process(test.args))
		if len(o.personalKeys) != 1 || o.personalKeys[0].Label != "alice" || o.personalOnly != test.personalOnly || !o.rereads(process(nil)) {
			t.Errorf("%q: keys %v, only these: %v", test.args, o.personalKeys, o.personalOnly)
		}
		switch {
		case !test.personalOnly && o.key != test.key:
			t.Errorf("%q: the key is %q", test.args, o.key)
		case test.personalOnly && (len(o.key) < 26 || o.key == options(t, process(test.args)).key):
			t.Errorf("the key can be guessed: %q", o.key)
		}
	}
}

// A file that can't be used is an error that says where.
func TestPersonalKeysErrors(t *testing.T) {
	inMaths := keysFile(t, keyLine("alice", "maths", "one"))
	twice := keysFile(t, keyLine("alice", "main", "one")+"\n"+keyLine("ALICE", "main", "two"))
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"9000", "--keys", inMaths}, 2, inMaths + `:1: there is no room "maths"; there is "main"` + "\n"},
		{[]string{"9000", "--keys", inMaths, "--room", "music=1", "--room", "maths 2=2"}, 2, inMaths + `:1: there is no room "maths"; there is "music", "maths 2"` + "\n"},
		{[]string{"9000", "--keys", twice}, 2, twice + `:3: the label "ALICE" is that of line 1, too`},
		{[]string{"9000", "--keys", "/nowhere"}, 1, "the file of keys can't be read: open /nowhere: no such file or directory\n"},
		{[]string{"9000", "key", "--keys", twice, "--stage", "2"}, 2, "--keys lets people join from stage 3 on, not in stage 2\n"},
		{[]string{"--keys", twice}, 2, "PORT is missing"},
	} {
		if status, _, stderr := result(t, process(test.args)); status != test.status || !strings.HasPrefix(stderr, "sop-chat: "+test.want) {
			t.Errorf("%q: status %d, %s, want %d, %s", test.args, status, stderr, test.status, test.want)
		}
	}
}

// A file is read again when it has changed and does not change any more, and once. If it
// has an error, or is not there, all stays as it is.
func TestKeysReloader(t *testing.T) {
	alice, bob, both := keyLine("alice", "main", "one"), keyLine("bob", "main", "two"), ""
	both = alice + bob
	file := keysFile(t, alice)
	o := serveOptions{keysFile: file}
	lines, version, err := o.readPersonalKeys([]string{"main"})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	var used []string
	r := &keysReloader{
		what:  "personal keys",
		file:  file,
		read:  o.readPersonalKeys,
		rooms: func() []string { return []string{"main"} },
		use: func(lines []keys.Line) {
			var labels []string
			for _, line := range lines {
				labels = append(labels, line.Label)
			}
			used = append(used, strings.Join(labels, " "))
		},
		logger: slog.New(slog.NewTextHandler(&log, nil)),
		lines:  lines, last: version, seen: version,
	}
	ask := func() { (&reloader{steps: []reloadStep{r.reload}, logger: r.logger}).Reload() }
	write := func(content string) func() {
		return func() {
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, step := range []struct {
		what string
		do   func()
		want string // is used then; "-" for nothing
		log  string
	}{
		{"nothing has changed", r.look, "-", ""},
		{"a line is added", write(both), "-", ""},
		{"it has changed since the last look", r.look, "-", ""},
		{"it changes again", write(""), "-", ""},
		{"it has changed again since the last look", r.look, "-", ""},
		{"it is as it was meant", write(both), "-", ""},
		{"it has changed a third time", r.look, "-", ""},
		{"it has not changed any more", r.look, "alice bob", `level=INFO msg="the personal keys have been read again" keys=2 added=1 removed=0 changed=0`},
		{"it has been read", r.look, "-", ""},
		{"half a line", write(both[:len(both)-20]), "-", ""},
		{"changed to an error", r.look, "-", ""},
		{"an error", r.look, "-", `level=ERROR msg="the personal keys stay as they are" error="` + file + `:2: the hash, in bytes, is 18, and has to be`},
		{"the same error", r.look, "-", ""},
		{"asked for the same error", ask, "-", `level=ERROR msg="the personal keys stay as they are"`},
		{"another room and another hash", write(keyLine("alice", "maths", "one") + keyLine("bob", "main", "three")), "-", ""},
		{"asked for", ask, "-", `error="` + file + `:1: there is no room \"maths\"; there is \"main\""`},
		{"another hash", write(alice + keyLine("bob", "main", "three")), "-", ""},
		{"asked for at once", ask, "alice bob", "keys=2 added=0 removed=0 changed=1"},
		{"seen after that", r.look, "-", ""},
		{"it is removed", func() { os.Remove(file) }, "-", ""},
		{"it is missing", r.look, "-", ""},
		{"it is still missing", r.look, "-", `level=ERROR msg="the personal keys stay as they are" error="the file of keys can't be read: open `},
		{"it is missing for long", r.look, "-", ""},
		{"it is there again, without a key", write("# nobody\n"), "-", ""},
		{"it is seen", r.look, "-", ""},
		{"it is read", r.look, "", "keys=0 added=0 removed=2 changed=0\n"},
		{"others may read it", func() { os.Chmod(file, 0o644) }, "-", ""},
		{"asked for again", ask, "", `level=WARN msg="every user of this machine can read the hashes of the personal keys; chmod o-r helps"`},
	} {
		used = nil
		log.Reset()
		step.do()
		if len(used) == 0 {
			used = []string{"-"}
		}
		if used[0] != step.want || len(used) > 1 || !strings.Contains(log.String(), step.log) || (step.log == "") != (log.Len() == 0) {
			t.Errorf("%s: %q is used, want %q; log\n%swant\n%s", step.what, used, step.want, log.String(), step.log)
		}
	}
}

// A new key is shown once, and its line alone goes to standard output. The line is that of
// the key.
func TestKeyNew(t *testing.T) {
	status, line, stderr := result(t, process([]string{"key", "new", "bob-phone", "class 3a"}))
	key, found := strings.CutPrefix(strings.TrimSpace(stderr), "sop-chat: the key to give to bob-phone, which is shown only now: ")
	if status != 0 || !found || !strings.HasPrefix(line, "bob-phone class 3a $argon2id$") || strings.Count(line, "\n") != 1 {
		t.Fatalf("status %d, %q, %q", status, line, stderr)
	}
	file := keysFile(t, "# people\n"+line)
	check := func(key string, wantStatus int, want string) {
		t.Helper()
		p := process([]string{"key", "check", "--key-file", "-", file}, "SOP_CHAT_KEY_FILE=/nowhere")
		p.Stdin = strings.NewReader(key)
		if status, stdout, stderr := result(t, p); status != wantStatus || stdout+stderr != file+" has 1 key without an error\n"+want {
			t.Errorf("%q: status %d, %s%s", key, status, stdout, stderr)
		}
	}
	check(key+"\n", 0, "the key is that of bob-phone, and opens the room \"class 3a\"\n")
	check(key+"x", 1, "sop-chat: the key is of no line in the file\n")
	check("alice", 1, "sop-chat: the key is of no line in the file\n")
}

// A secret can be chosen; a weak one is warned of, and with its label it is the whole key.
func TestKeyHash(t *testing.T) {
	for _, test := range []struct{ secret, weak string }{
		{"four random words here\n", ""},
		{"alice:four random words here", ""},
		{"secret", "sop-chat: the secret is weak (fewer than 8 characters) and soon guessed; 'sop-chat key new' makes a random one\n"},
	} {
		p := process([]string{"key", "hash", "alice"})
		p.Stdin = strings.NewReader(test.secret)
		status, stdout, stderr := result(t, p)
		lines, err := keys.Parse("", []byte(stdout))
		if status != 0 || stderr != test.weak || err != nil || len(lines) != 1 {
			t.Errorf("%q: status %d, %q, %q, %v", test.secret, status, stdout, stderr, err)
			continue
		}
		key := "alice:" + strings.TrimPrefix(strings.TrimSpace(test.secret), "alice:")
		if line, found := keys.Match(lines, key); !found || line.Room != "main" {
			t.Errorf("%q: %v, %v", test.secret, line, found)
		}
	}
}

// A file is checked as the server does, with all its errors; weak hashes are warned of.
func TestKeyCheck(t *testing.T) {
	wrong := keysFile(t, "alice main\n"+keyLine("bob", "maths", "one")+keyLine("b:b", "maths", "one"))
	weak := keysFile(t, strings.Replace(keyLine("alice", "main", "one"), "m=19456", "m=4096", 1))
	if err := os.Chmod(weak, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{wrong}, 1, "sop-chat: " + wrong + ":1: there is no hash behind the label and the room; 'sop-chat key hash' makes one\n" +
			"sop-chat: " + wrong + ":3: the label has the character ':'; it may have letters from a to z, digits and -_.@+\n"},
		{[]string{weak}, 0, weak + " has 1 key without an error\nsop-chat: every user of this machine can read " + weak + "; chmod o-r helps\n" +
			"sop-chat: alice: m=4096,t=2 is weak: a chosen key is soon guessed from a hash that gets out; 'sop-chat key hash' makes a better one\n"},
		{nil, 2, "sop-chat: FILE is missing\nTry 'sop-chat key check --help'.\n"},
		{[]string{"a", "b"}, 2, "sop-chat: \"b\" is one argument too many\nTry 'sop-chat key check --help'.\n"},
		{[]string{"/nowhere"}, 1, "sop-chat: the file of keys can't be read: open /nowhere: no such file or directory\n"},
	} {
		status, stdout, stderr := result(t, process(append([]string{"key", "check"}, test.args...)))
		if status != test.status || stdout+stderr != test.want {
			t.Errorf("%q: status %d\n%s%swant %d\n%s", test.args, status, stdout, stderr, test.status, test.want)
		}
	}
}

// Wrong arguments of the commands for keys are said.
func TestKeyUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"key"}, "a command is missing: check, hash, new"},
		{[]string{"key", "9000"}, "PORT comes before KEY: sop-chat 9000 key"},
		{[]string{"key", "old"}, `"old" is none of the commands: check, hash, new`},
		{[]string{"key", "new"}, "LABEL is missing: it says whose key it is, such as alice or alice-phone"},
		{[]string{"key", "new", "alice", "class", "3a"}, "there are 3 arguments, not LABEL and ROOM; a ROOM with blanks needs quotes around it"},
		{[]string{"key", "new", "Zoë"}, "the label has the character 'ë'; it may have letters from a to z, digits and -_.@+"},
		{[]string{"key", "new", "alice", "a=b"}, `ROOM:1: the name of the room, "a=b", has a '=', which ends a name in NAME=KEY`},
		{[]string{"key", "hash", "alice"}, "the secret is empty"},
	} {
		status, stdout, stderr := result(t, process(test.args))
		if status == 0 || stdout != "" || !strings.HasPrefix(stderr, "sop-chat: "+test.want+"\n") {
			t.Errorf("%q: status %d, %q, %q", test.args, status, stdout, stderr)
		}
	}
}
