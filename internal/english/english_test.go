package english

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A noun has the form of its number.
func TestCount(t *testing.T) {
	for _, test := range []struct {
		n        int
		singular string
		want     string
	}{
		{0, "message", "0 messages"},
		{1, "message", "1 message"},
		{2, "message", "2 messages"},
		{1, "delivery", "1 delivery"},
		{3, "delivery", "3 deliveries"},
		{2, "day", "2 days"},
		{1, "person", "1 person"},
		{2, "person", "2 people"},
	} {
		if got := Count(test.n, test.singular); got != test.want {
			t.Errorf("%d %s: %s, want %s", test.n, test.singular, got, test.want)
		}
	}
	for n, want := range []string{"the last 0 messages", "the last message", "the last 2 messages"} {
		if got := Last(n, "message"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for n, want := range []string{"are were have", "is was has", "are were have"} {
		if got := Are(n) + " " + Were(n) + " " + Have(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// byHand matches a number and a noun that has the same form for all numbers. Some
// are exempt because they are never 1: lengths of what is too long or incomplete,
// and connections that are too many.
var byHand = regexp.MustCompile(`%[dsv] (bytes|clients|connections|deliveries|events|lines|members|messages|others|people|senders|words)\b( long| need|, which was dropped)?`)

// No message to people has a noun after a number without the functions of this
// package.
func TestNoNounByHand(t *testing.T) {
	files := 0
	for _, folder := range []string{"../../internal", "../../client"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			source, err := os.ReadFile(path)
			for _, found := range byHand.FindAllSubmatch(source, -1) {
				if len(found[2]) == 0 {
					t.Errorf("%s: %q; use Count", path, found[0])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Error("there are no files; the test looks in the wrong place")
	}
}
