package keys

import (
	"fmt"
	"strings"
	"testing"

	"sop-chat/internal/tomlfile"
)

// Tables have what the lines of a file have, and the same errors, with their places.
func TestFromTables(t *testing.T) {
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	table := func(settings ...string) string { return "[[key]]\n" + strings.Join(settings, "\n") + "\n" }
	label, hashed := `label = "alice"`, fmt.Sprintf("hash = %q", hash)
	others := []Line{{Label: "Bob", Room: "main", Hash: hash}}
	for _, test := range []struct {
		content string
		rooms   []string
		want    string // the lines, or the errors
	}{
		{content: table(label, hashed), want: "alice main " + hash},
		{content: table(label, hashed, `room = "class 3a"`), rooms: []string{"class 3a"}, want: "alice class 3a " + hash},
		{content: table(label, hashed) + table(`label = "carol"`, hashed), want: "alice main " + hash + "\ncarol main " + hash},
		{content: "", want: ""},

		{content: table(hashed), want: `f:1: the key has no label, which says whose it is: label = "alice"`},
		{content: table(label), want: `f:1: the key of "alice" has no hash; 'sop-chat key hash' makes one`},
		{content: table(label, `hash = "secret"`), want: `f:3: hash: the hash is not complete, or not like $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH; 'sop-chat key hash' makes one`},
		{content: table(`label = 3`, hashed), want: "f:2: label: the value must be a text in quotes"},
		{content: table(`label = "a b"`, hashed), want: "f:2: label: the label has the character ' '; it may have letters from a to z, digits and -_.@+"},
		{content: table(label, hashed, `room = "a=b"`), want: `f:4: room: the name of the room, "a=b", has a '=', which ends a name in NAME=KEY`},
		{content: table(label, hashed, `colour = "red"`), want: `f:4: there is no setting "colour"; a key has label, room and hash`},
		{content: table(label, hashed), rooms: []string{"maths"}, want: `f:1: there is no room "main"; there is "maths"`},
		{
			content: table(label, hashed) + table(`label = "ALICE"`, hashed) + table(`label = "bob"`, hashed),
			want: `f:4: the label "ALICE" is that of a key at f:1, too; each needs one of its own, in which capitals make no difference` + "\n" +
				`f:7: the label "bob" is that of a key in the file of keys, too; each needs one of its own, in which capitals make no difference`,
		},
	} {
		tables, err := tomlfile.Parse("f", []byte(test.content))
		if err != nil {
			t.Fatal(err)
		}
		lines, wrong := FromTables(tables[1:], test.rooms, others)
		var got []string
		for _, line := range lines {
			got = append(got, line.String())
		}
		if len(wrong) > 0 {
			got = nil
		}
		for _, err := range wrong {
			got = append(got, err.Error())
		}
		if got := strings.Join(got, "\n"); got != test.want {
			t.Errorf("%s\n%s\nwant\n%s", test.content, got, test.want)
		}
	}
}
