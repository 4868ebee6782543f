package keys

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"

// A file has a line for each key; names of rooms may have blanks.
func TestParse(t *testing.T) {
	const content = "\xef\xbb\xbf# people\r\n" +
		"\n" +
		"alice main " + hash + "\r\n" +
		"  bob@phone \t class 3a\t" + hash + "  \n" +
		"\t# nobody\n" +
		"Zoë-is-a-comment-if-it-begins-so\n"
	lines, err := Parse("people.txt", []byte(strings.TrimSuffix(content, "Zoë-is-a-comment-if-it-begins-so\n")))
	want := []Line{{"alice", "main", hash}, {"bob@phone", "class 3a", hash}}
	if err != nil || !reflect.DeepEqual(lines, want) {
		t.Errorf("got %q, %v; want %q", lines, err, want)
	}
	if again, err := Parse("again", []byte(lines[1].String())); err != nil || again[0] != lines[1] {
		t.Errorf("a line that was written is read as %q, %v", again, err)
	}
	if lines, err := Parse("empty", nil); len(lines) > 0 || err != nil {
		t.Errorf("an empty file is read as %q, %v", lines, err)
	}
}

// What is wrong is said with its place, and with what to do; no error has a hash or a key.
func TestParseErrors(t *testing.T) {
	with := func(from, to string) string { return "alice main " + strings.Replace(hash, from, to, 1) }
	for content, want := range map[string]string{
		"alice":                     "f:1: a line has a label, a room and a hash, with blanks between them, and this one has no blanks",
		"alice main":                "f:1: there is no hash behind the label and the room; 'sop-chat key hash' makes one",
		"alice " + hash:             `f:1: there is no room between the label and the hash; the only room is called "main"`,
		"alice main secret":         "f:1: the hash is not complete, or not like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH; 'sop-chat key hash' makes one",
		"alice:secret main " + hash: "f:1: the label has the character ':'; it may have letters from a to z, digits and -_.@+",
		"Zoë main " + hash:          "f:1: the label has the character 'ë'; it may have letters from a to z, digits and -_.@+",
		"\x1b[2Jx main " + hash:     `f:1: the label has the character '\x1b'; it may have letters from a to z, digits and -_.@+`,
		"-a main " + hash:           "f:1: the label begins with '-', and must begin with a letter or a digit",
		strings.Repeat("a", 33) + " main " + hash: "f:1: the label is 33 characters long; at most 32 fit",
		"alice a=b " + hash:                       `f:1: the name of the room, "a=b", has a '=', which ends a name in NAME=KEY`,
		"alice a " + hash + "\n\nAlice b " + hash: `f:3: the label "Alice" is that of line 1, too; each needs one of its own, in which capitals make no difference`,
		"a\nb\nc": "f:1: a line has a label, a room and a hash, with blanks between them, and this one has no blanks (and 2 more; 'sop-chat key check' shows all)",

		with("argon2id", "argon2i"):                                   "f:1: the hash is not one of argon2id; 'sop-chat key hash' makes one",
		with("v=19", "v=16"):                                          "f:1: the hash is of another version of argon2 than v=19; 'sop-chat key hash' makes one",
		with("m=19456", "m=65537"):                                    "f:1: the memory, m, in KiB is 65537, and has to be from 8 to 65536",
		with("m=19456", "m=7"):                                        "f:1: the memory, m, in KiB is 7, and has to be from 8 to 65536",
		with("t=2", "t=0"):                                            "f:1: the number of passes, t, is 0, and has to be from 1 to 10",
		with("t=2", "t=11"):                                           "f:1: the number of passes, t, is 11, and has to be from 1 to 10",
		with("p=1", "p=0"):                                            "f:1: the parallelism, p, is 0, and has to be from 1 to 8",
		with("p=1", "p=9"):                                            "f:1: the parallelism, p, is 9, and has to be from 1 to 8",
		with("c2FsdHNhbHRzYWx0c2FsdA", "c2FsdA"):                      "f:1: the salt, in bytes, is 4, and has to be from 8 to 64",
		with("aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", ""):       "f:1: the hash, in bytes, is 0, and has to be from 32 to 64",
		with("aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", "aGFzaA"): "f:1: the hash, in bytes, is 4, and has to be from 32 to 64",
		with("aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", strings.Repeat("aGFzaGhhc2g", 30)): "f:1: the hash is 384 bytes long, and none has more than 256",
	} {
		if lines, err := Parse("f", []byte(content)); err == nil || err.Error() != want {
			t.Errorf("%q is read as %v, error\n%v\nwant\n%s", content, lines, err, want)
		}
	}
	for _, bad := range []string{
		with("m=19456", "m=19456x"), with("m=19456", "m=+19456"), with("m=19456", "m=019456"), with("p=1", "p=257"), with("p=1", "p=1,x=1"),
		with("t=2", "t=-2"), with("$v=19", ""), with("c2Fsd", "c2*sd"), hash[:len(hash)-1], hash + "=", "$" + hash,
	} {
		if !strings.HasPrefix(bad, "alice") {
			bad = "alice main " + bad
		}
		if lines, err := Parse("f", []byte(bad)); err == nil || strings.Contains(err.Error(), "c2Fsd") {
			t.Errorf("%q is read as %v, error %v", bad, lines, err)
		}
	}
}

// A room that the server does not have is an error.
func TestParseFor(t *testing.T) {
	content := []byte("alice main " + hash + "\nbob maths " + hash)
	if _, err := ParseFor("f", content, []string{"main", "maths"}); err != nil {
		t.Error(err)
	}
	const want = `f:2: there is no room "maths"; there is "main", "physics"`
	if _, err := ParseFor("f", content, []string{"main", "physics"}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Any bytes are read, or refused; what is read can be written and read again, and takes
// no more than the bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte("alice main " + hash + "\n# bob\nbob class 3a " + hash))
	f.Add([]byte("a b $argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"))
	f.Add([]byte("a b $argon2id$v=19$m=4294967295,t=0,p=0$$"))
	f.Fuzz(func(t *testing.T, content []byte) {
		lines, err := Parse("f", content)
		if err != nil {
			if len(lines) > 0 || !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("%q, error %v", lines, err)
			}
			return
		}
		var text strings.Builder
		for _, line := range lines {
			p, err := paramsOf(line.Hash)
			if err != nil || p.Memory > maxMemory || p.Iterations < 1 || p.Iterations > maxIterations || p.Parallelism < 1 {
				t.Errorf("%q: %+v, %v", line.Hash, p, err)
			}
			text.WriteString(line.String() + "\n")
		}
		again, err := Parse("f", []byte(text.String()))
		if err != nil || !reflect.DeepEqual(again, lines) {
			t.Errorf("%q is read again as %q, %v", lines, again, err)
		}
	})
}

// A secret's hash is that of no other, also if another program made it.
func TestHash(t *testing.T) {
	made, err := Hash("secret")
	if err != nil {
		t.Fatal(err)
	}
	if other, _ := Hash("secret"); other == made {
		t.Error("two hashes have the same salt")
	}
	if err := CheckHash(made); err != nil || Advice(made) != "" {
		t.Errorf("%s: %v, %q", made, err, Advice(made))
	}
	if !matches("secret", made) || matches("secrets", made) || matches("", made) {
		t.Errorf("%s is of another secret", made)
	}
	// From the tests of the reference implementation.
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if err := CheckHash(reference); err != nil || !matches("password", reference) || matches("passwore", reference) {
		t.Errorf("%s: %v", reference, err)
	}
	if err := CheckHash(nobody); err != nil {
		t.Errorf("the hash of nobody: %v", err)
	}
}

// A hash that is soon guessed, and one that takes long to check, are warned of.
func TestAdvice(t *testing.T) {
	for params, want := range map[string]string{
		"m=19456,t=2,p=1": "", "m=47104,t=1,p=1": "", "m=65536,t=1,p=1": "m=65536,t=1 takes 1.7 times", "m=7168,t=5,p=1": "",
		"m=4096,t=3,p=1": "m=4096,t=3 is weak", "m=19456,t=1,p=1": "m=19456,t=1 is weak",
		"m=65536,t=3,p=4": "m=65536,t=3 takes 5.1 times as long", "m=19456,t=2,p=2": "p=2 has each check take 2 cores",
	} {
		if got := Advice(strings.Replace(hash, "m=19456,t=2,p=1", params, 1)); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", params, got, want)
		}
	}
}

// A new secret is long enough not to be guessed, and has no characters that are easily
// confused.
func TestNewSecret(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b || len(a) != 34 || strings.Trim(a, "abcdefghijkmnpqrstuvwxyz23456789-") != "" || CheckSecret("alice", a) != nil {
		t.Errorf("%q, %q", a, b)
	}
	if label, secret, ok := Split(Join("alice", "a:b")); label != "alice" || secret != "a:b" || !ok {
		t.Errorf("split into %q, %q, %v", label, secret, ok)
	}
	for _, key := range []string{"alice", "", ":secret", "a b:secret", "Zoë:secret", strings.Repeat("a", 33) + ":s"} {
		if _, _, ok := Split(key); ok {
			t.Errorf("%q can be a personal key", key)
		}
	}
}

// A file that was changed has another version, also if only its bytes have.
func TestVersion(t *testing.T) {
	name := filepath.Join(t.TempDir(), "people.txt")
	none := VersionOf(name)
	write := func(text string) Version {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return VersionOf(name)
	}
	first := write("one")
	content, read, err := ReadFile(name)
	if err != nil || string(content) != "one" || !read.Same(first) || first.Same(none) || !none.Same(VersionOf(name+"x")) || first.OthersRead() {
		t.Errorf("%q, %v", content, err)
	}
	if longer := write("three"); longer.Same(first) {
		t.Error("a longer file seems the same")
	}
	if err := os.Rename(name, name+".old"); err != nil {
		t.Fatal(err)
	}
	moved := VersionOf(name + ".old")
	if next := write("three"); next.Same(moved) {
		t.Error("another file seems the same")
	}
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if !VersionOf(name).OthersRead() {
		t.Error("others can read the file, and it does not say so")
	}
	if _, _, err := ReadFile(name + "x"); err == nil || !strings.HasPrefix(err.Error(), "the file of keys can't be read: open ") {
		t.Errorf("a missing file: %v", err)
	}
}
