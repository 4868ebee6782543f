package console

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

// Fields that could pass for others are shown as the table says. The page's
// scripts are tested with the same table.
func TestLooks(t *testing.T) {
	file, err := os.Open("testdata/looks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if lines.Text() == "" || strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		columns := strings.Split(lines.Text(), "\t")
		field, err := strconv.Unquote(columns[0])
		if err != nil || len(columns) != 3 {
			t.Fatalf("line %d: %q", n, lines.Text())
		}
		if got := string(EscapeName(nil, []byte(field))); got != columns[1] {
			t.Errorf("line %d: the name %+q is shown as %s, want %s", n, field, got, columns[1])
		}
		if got := string(Escape(nil, []byte(field))); got != columns[2] {
			t.Errorf("line %d: the text %+q is shown as %s, want %s", n, field, got, columns[2])
		}
	}
}

// No character that shows nothing gets into a name, by the property that Unicode
// derives for them, and none passes for a space.
func TestNameHasNothingInvisible(t *testing.T) {
	ignorable := func(r rune) bool { // see DerivedCoreProperties.txt
		return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector) &&
			!unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark) &&
			(r < 0xfff9 || r > 0xfffb) && (r < 0x13430 || r > 0x13440)
	}
	found := 0
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !ignorable(r) && !unicode.Is(unicode.White_Space, r) {
			continue
		}
		found++
		for _, name := range []string{"alice" + string(r), string(r) + "alice", "al" + string(r) + "ice", string(r)} {
			shown := string(EscapeName(nil, []byte(name)))
			if strings.ContainsRune(shown, r) || !strings.Contains(shown, fmt.Sprintf(`\u{%x}`, r)) {
				t.Fatalf("the name %+q is shown as %+q", name, shown)
			}
		}
	}
	if found < 4000 {
		t.Fatalf("only %d such characters were found", found)
	}
}

// What is shown of a name has one spelling, by Unicode's form C, which is looked
// at a character at a time: what composes with the one before it is a mark, or a
// letter of Korean.
func TestNameHasOneSpelling(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		p := norm.NFC.PropertiesString(string(r))
		if !p.BoundaryBefore() && !unicode.IsMark(r) && !unicode.Is(unicode.Hangul, r) {
			t.Errorf("%U combines with what is before it", r)
		}
		if shown := string(EscapeName(nil, []byte(string(r)))); !norm.NFC.IsNormalString(shown) {
			t.Errorf("%U is shown, and is another spelling", r)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("aeé\u0301\u0323\u0302ậK\u212a각\u1100\u1161\u11a8가ん\u3099\u0f71\u0f72")), 0, 12, -1).Draw(t, "name")
		if shown := string(EscapeName(nil, []byte(name))); !norm.NFC.IsNormalString(shown) {
			t.Fatalf("%+q is shown as %+q", name, shown)
		}
	})
}

// Marks stand on a character that can be seen, and not in high piles.
func checkMarks(t *testing.T, shown string) {
	t.Helper()
	marks, hasBase := 0, false
	for _, r := range shown {
		switch {
		case !unicode.IsMark(r):
			marks, hasBase = 0, r > ' ' && hasShape(r)
		case !hasBase:
			t.Fatalf("a mark stands on nothing in %+q", shown)
		default:
			if marks++; marks > mostMarks {
				t.Fatalf("a pile of marks in %+q", shown)
			}
		}
	}
}

// Names and texts have no name in common that is shown in the same way, unless
// they are equal; so a name says what it is.
func FuzzNames(f *testing.F) {
	f.Add([]byte("alice\u034f"), []byte("alice"))
	f.Add([]byte(`""`), []byte(""))
	f.Add([]byte("\\u{34f}"), []byte("\u034f"))
	f.Add([]byte("!\u0301"), []byte("\xcc\u0301"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, show := range []func(dst, name []byte) []byte{EscapeName, AppendName} {
			shown := string(show(nil, a))
			checkMarks(t, shown)
			if !utf8.ValidString(shown) || shown == "" {
				t.Fatalf("%q is shown as %q", a, shown)
			}
			if string(a) != string(b) && shown == string(show(nil, b)) {
				t.Fatalf("%q and %q are both shown as %q", a, b, shown)
			}
		}
	})
}
