package names

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func alike(a, b string) bool {
	other := Skeletons(b)
	return slices.ContainsFunc(Skeletons(a), func(s string) bool { return slices.Contains(other, s) })
}

// Names that the eye may take for one another look alike.
func TestAlike(t *testing.T) {
	for _, test := range []struct{ what, a, b string }{
		{"the same", "alice", "alice"},
		{"case", "alice", "ALICE"},
		{"case outside ASCII", "żółw", "ŻÓŁW"},
		{"the end of a Greek word", "ΟΔΥΣΣΕΥΣ", "οδυσσευς"},
		{"Cyrillic", "alice", "\u0430lice"},
		{"all Cyrillic", "ace", "асе"},
		{"a Cyrillic capital", "Bob", "\u0412ob"},
		{"case of Cyrillic", "владимир", "ВЛАДИМИР"},
		{"Greek", "OPA", "ΟΡΑ"},
		{"digit one and l", "a1ice", "alice"},
		{"capital I and l", "aIice", "alice"},
		{"capital I and l, whatever the case of others", "AIice", "alice"},
		{"capital I and digit one", "Ian", "1an"},
		{"a capital I that is none in ASCII", "\U0001d408an", "Ian"},
		{"and in lower case", "\U0001d408an", "ian"},
		{"zero and O", "b0b", "bOb"},
		{"rn and m", "rnike", "mike"},
		{"rn and M", "rnike", "Mike"},
		{"full width", "ａｌｉｃｅ", "alice"},
		{"mathematical letters", "𝖆𝖑𝖎𝖈𝖊", "alice"},
		{"circled letters", "ⓐⓛⓘⓒⓔ", "alice"},
		{"a ligature", "ﬁona", "fiona"},
		{"a long s is like f", "jeſſ", "jeff"},
		{"and means s", "jeſſ", "jess"},
		{"composed", "jos\u00e9", "jose\u0301"},
		{"the order of marks", "a\u0323\u0301", "a\u0301\u0323"},
		{"zero-width joiner", "ali\u200dce", "alice"},
		{"zero-width blank", "\u200balice", "alice"},
		{"soft hyphen", "ali\u00adce", "alice"},
		{"variation selector", "alice\ufe0f", "alice"},
		{"a tag", "alice\U000e0061", "alice"},
		{"direction", "\u202dalice\u202c", "alice"},
		{"blanks around", " alice  ", "alice"},
		{"blanks within", "al ice", "alice"},
		{"no-break blank", "al\u00a0ice", "al ice"},
		{"ideographic blank", "al\u3000ice", "al ice"},
		{"Braille blank", "alice\u2800", "alice"},
		{"Hangul filler", "alice\u3164", "alice"},
		{"line break", "alice\n", "alice"},
		{"control", "ali\x07ce", "alice"},
		{"nothing that is seen", "\u3164\u200b ", ""},
		{"empty", "", ""},
		{"Hangul in its parts", "오전", "\u110b\u1169\u110c\u1165\u11ab"},
		{"no UTF-8", "jos\xe9", "JOS\xe9"},
		{"cut within a character", "ali\xd0", "Ali\xd0"},
	} {
		if !alike(test.a, test.b) {
			t.Errorf("%s: %q and %q do not look alike: %q, %q", test.what, test.a, test.b, Skeletons(test.a), Skeletons(test.b))
		}
	}
}

// Different names do not look alike.
func TestDiffer(t *testing.T) {
	all := []string{
		"", "alice", "bob", "carol", "dave", "eve", "mallory", "trent", "ali", "all", "lisa", "mila", "kai", "kal", "max", "mia", "mira",
		"anna", "anne", "ann", "hanna", "jan", "jon", "john", "jose", "josé", "groß", "gross", "user2", "user3", "user22", "user23",
		"tom", "tim", "team", "admin", "adm", "żółw", "zolw", "Łukasz", "lukas", "Владимир", "Vladimir", "Ольга", "Οδυσσέας",
		"山田", "田中", "田山", "김민수", "김민주", "משה", "שרה", "محمد", "أحمد", "🦉", "🦊", "e.v.e", "b-o-b", "x", "y", "z", "z2", "2", "3",
		"jos\xe9", "jos\xe8", "\ufffd", "\xff", "\xff\xfe",
	}
	for i, a := range all {
		for _, b := range all[:i] {
			if alike(a, b) {
				t.Errorf("%q and %q look alike: %q, %q", a, b, Skeletons(a), Skeletons(b))
			}
		}
	}
}

// A capital I is like l and like i, which are not like each other.
func TestCapitalI(t *testing.T) {
	if !alike("Ian", "lan") || !alike("Ian", "ian") || alike("ian", "lan") {
		t.Errorf("%q, %q, %q", Skeletons("Ian"), Skeletons("ian"), Skeletons("lan"))
	}
}

// Of each character there is, nothing more can be taken away in the end, not much is
// added, and its two cases look alike.
func TestCharacters(t *testing.T) {
	const most = 24 // for each of its bytes
	for r := range rune(unicode.MaxRune + 1) {
		if isAssigned := unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf); !isAssigned && confusable.GetReplacement(r) == "" {
			continue
		}
		s := reduce(string(r))
		if again := reduce(s); again != s || len(s) > most*utf8.RuneLen(r) {
			t.Errorf("%U is reduced to %q, and that to %q", r, s, again)
		}
		for _, other := range []rune{unicode.SimpleFold(r), unicode.ToUpper(r), unicode.ToLower(r)} {
			if other != r && other != 'İ' && r != 'İ' && !alike(string(r), string(other)) {
				t.Errorf("%U and %U differ by case alone, and do not look alike", r, other)
			}
		}
	}
}

// drawName draws a name in which characters of all kinds are next to each other.
func drawName(t *rapid.T) string {
	pieces := rapid.SliceOfN(rapid.OneOf(
		rapid.StringN(1, 1, 4),
		rapid.SampledFrom([]string{
			"a", "I", "l", "1", "m", "rn", "O", "0", " ", "\u0430", "\u0412", "\u0301", "\u0323", "\u0345", "\u0338", "\u1161", "\u11a8", "\uac00",
			"\u200d", "\u3164", "\x00", "\xff", "\xd0", "\xe2\x82", "\ufffd", "\ufdfa", "ﬁ", "𝖆", "Ａ", "\ua779", "\ua77a", "ß", "İ", "ı",
		}),
	), 0, 12)
	name := strings.Join(pieces.Draw(t, "name"), "")
	return name[:min(len(name), 64)]
}

// Skeletons are skeletons of themselves, and what changes nothing for the eye changes no
// skeleton.
func TestSkeletonsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkSkeletons(t, drawName(t)) })
}

func checkSkeletons(t rapid.TB, name string) {
	t.Helper()
	all := Skeletons(name)
	if len(all) == 0 || len(all) > 2 {
		t.Fatalf("%q has the skeletons %q", name, all)
	}
	for _, s := range all {
		if again := Skeletons(s); len(again) != 1 || again[0] != s {
			t.Fatalf("the skeleton %q of %q has the skeletons %q", s, name, again)
		}
		if !norm.NFD.IsNormalString(s) {
			t.Fatalf("the skeleton %q of %q is not normal", s, name)
		}
	}
	if utf8.ValidString(name) {
		for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
			if other := form.String(name); !alike(name, other) {
				t.Fatalf("%q does not look like its normal form %q: %q, %q", name, other, all, Skeletons(other))
			}
		}
	}
	for _, other := range []string{" " + name, name + "\u200b", name + " \t"} {
		if !alike(name, other) {
			t.Fatalf("%q does not look like %q: %q, %q", name, other, all, Skeletons(other))
		}
	}
}

// Whatever bytes a name is made of, the same holds.
func FuzzSkeletons(f *testing.F) {
	for _, name := range []string{"", "alice", "AIice", "\u0430\u0301\u0323", "\xff\xd0", "\xef \xba\x94", "\ufdfa\ufdfa", "\ua779\ua77a", "\u1100\u1161\u11a8", strings.Repeat("m", 64)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) <= 64 { // as in a message
			checkSkeletons(t, name)
		}
	})
}

// What it costs that somebody joins, with an ordinary name and with the worst.
func BenchmarkSkeletons(b *testing.B) {
	for _, test := range []struct{ what, name string }{
		{"ordinary", "alice"},
		{"ordinary with capitals", "Ian McMillan"},
		{"outside ASCII", "Владимир Żółw"},
		{"64 bytes", strings.Repeat("Im", 32)},
		{"worst", strings.Repeat("\ufdfa", 21)},
	} {
		b.Run(test.what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Skeletons(test.name)
			}
		})
	}
}
