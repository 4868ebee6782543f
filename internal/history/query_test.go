package history

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// searches are what is found, and what is not, by language.
var searches = []struct {
	text, query string
	want        string // the text with marks, or "" if it is not found
}{
	// Words are found within sentences of scripts without blanks.
	{"重跑gen-itgc后再看", "itgc", "重跑gen-<itgc>后再看"},
	{"重跑gen-itgc后再看", "gen-itgc", "重跑<gen-itgc>后再看"},
	{"重跑gen-itgc后再看", "重跑", "<重跑>gen-itgc后再看"},
	{"重跑gen-itgc后再看", "itg*", "重跑gen-<itgc>后再看"},
	{"重跑gen-itgc后再看", "跑gen", "重<跑gen>-itgc后再看"},
	{"重跑gen-itgc后再看", "看 重", "<重>跑gen-itgc后再<看>"},
	{"重跑gen-itgc后再看", "跑重", ""},
	{"我们明天一起吃饭吧，好吗？", "明天", "我们<明天>一起吃饭吧，好吗？"},
	{"我们明天一起吃饭吧，好吗？", "吃饭 明天", "我们<明天>一起<吃饭>吧，好吗？"},
	{"我们明天一起吃饭吧，好吗？", "明吃", ""},
	{"我们明天一起吃饭吧，好吗？", "饭*", "我们明天一起吃<饭>吧，好吗？"},
	{"𠮷野家で昼ご飯", "𠮷野家", "<𠮷野家>で昼ご飯"},
	{"東京タワーへ行きました", "タワー", "東京<タワー>へ行きました"},
	{"東京タワーへ行きました", "行き", "東京タワーへ<行き>ました"},
	{"東京ﾀﾜｰとﾊﾞｽ", "タワー", "東京<ﾀﾜｰ>とﾊﾞｽ"},
	{"東京ﾀﾜｰとﾊﾞｽ", "バス", "東京ﾀﾜｰと<ﾊﾞｽ>"},
	{"東京ﾀﾜｰとﾊﾞｽ", "ハス", ""}, // a lotus
	{"バスで", "ﾊﾞｽ", "<バス>で"},
	{"ハ\u3099スで", "バス", "<ハ\u3099ス>で"},
	{"人々が㌔を走る", "人々", "<人々>が㌔を走る"},
	{"人々が㌔を走る", "キロ", "人々が<㌔>を走る"},
	{"ไปกินข้าวกันไหม", "กินข้าว", "ไป<กินข้าว>กันไหม"},
	{"ไปกินข้าวกันไหม", "ข้าว", "ไปกิน<ข้าว>กันไหม"},
	{"ไปกินข้าวกันไหม", "ขาว", ""}, // white, not rice
	{"ไปกินข้าวกันไหม", "กัน กิน", "ไป<กิน>ข้าว<กัน>ไหม"},
	{"น้ำตกสวย", "น้ำ", "<น้ำ>ตกสวย"},
	{"ຂ້ອຍກິນເຂົ້າ", "ກິນ", "ຂ້ອຍ<ກິນ>ເຂົ້າ"},
	{"ខ្ញុំញ៉ាំបាយ", "បាយ", "ខ្ញុំញ៉ាំ<បាយ>"},
	{"မြန်မာစာကိုဖတ်", "စာ", "မြန်မာ<စာ>ကိုဖတ်"},
	{"서울에서 만나요", "서울", "<서울>에서 만나요"},
	{"서울에서 만나요", "만나*", "서울에서 <만나>요"},
	{"서울에서 만나요", "에서", "서울<에서> 만나요"},
	{norm.NFD.String("한국어로"), "한국어", "<" + norm.NFD.String("한국어") + ">" + norm.NFD.String("로")},
	{"한국어로", norm.NFD.String("한국어"), "<한국어>로"},

	// Letters are the same without case, accents and other forms.
	{"Straßenbahn fährt", "strasse*", "<Straßenbahn> fährt"},
	{"Straßenbahn fährt", "STRASSENBAHN FAHRT", "<Straßenbahn> <fährt>"},
	{"STRASSE", "straße", "<STRASSE>"},
	{"GROẞE", "große", "<GROẞE>"},
	{"Straßenbahn", "strase*", ""},
	{"İstanbul, ısıtma", "istanbul", "<İstanbul>, ısıtma"},
	{"İstanbul, ısıtma", "ISITMA", "İstanbul, <ısıtma>"},
	{"ISPARTA", "ısparta", "<ISPARTA>"},
	{"ο Οδυσσεύς", "ΟΔΥΣΣΕΥΣ", "ο <Οδυσσεύς>"},
	{"ΟΔΥΣΣΕΎΣ", "οδυσσευς", "<ΟΔΥΣΣΕΎΣ>"},
	{"ᾳδης", "αδης", "<ᾳδης>"},
	{"cafe\u0301 au lait", "café", "<cafe\u0301> au lait"},
	{"café au lait", "cafe\u0301*", "<café> au lait"},
	{"z\u0351\u0343a\u0363lgo", "zalgo", "<z\u0351\u0343a\u0363lgo>"},
	{"Việt Nam", "viet", "<Việt> Nam"},
	{"Łódź, Đà Nẵng, København, Œuvre", "lodz da nang kobenhavn oeuvre", "<Łódź>, <Đà> <Nẵng>, <København>, <Œuvre>"},
	{"ёлка, Йод", "елка иод", "<ёлка>, <Йод>"},
	{"مُحَمَّدٌ رسول", "محمد", "<مُحَمَّدٌ> رسول"},
	{"محمد رسول", "مُحَمَّد", "<محمد> رسول"},
	{"أحمد وإسلام", "احمد", "<أحمد> وإسلام"},
	{"كتـــاب", "كتاب", "<كتـــاب>"},
	{"ﺳﻼم", "سلام", "<ﺳﻼم>"},
	{"می\u200cخواهم", "میخواهم", "<می\u200cخواهم>"},
	{"שָׁלוֹם", "שלום", "<שָׁלוֹם>"},
	{"हिन्दी में", "हिन्दी", "<हिन्दी> में"},
	{"हिन्दी में", "हिन*", "<हिन्दी> में"},
	{"हिन्दी में", "हन्दी", ""},
	{"Ｈｅｌｌｏ　１２３", "hello 123", "<Ｈｅｌｌｏ>　<１２３>"},
	{"ﬁne, ﬂow", "fine", "<ﬁne>, ﬂow"},
	{"Stra\u00adßen\u200dbahn", "straßenbahn", "<Stra\u00adßen\u200dbahn>"},
	{"x² und ½", "x2", "<x²> und ½"},
	{"𝓗𝓮𝓵𝓵𝓸", "hello", "<𝓗𝓮𝓵𝓵𝓸>"},

	// Emoji are words, and are marked with what changes them.
	{"great 🎉!", "🎉", "great <🎉>!"},
	{"great🎉🎉", "🎉", "great<🎉🎉>"},
	{"great🎉done", "done", "great🎉<done>"},
	{"ok 👍🏽", "👍", "ok <👍🏽>"},
	{"ok 👍🏽", "👍🏽", "ok <👍🏽>"},
	{"ok 👍", "👍🏽", ""},
	{"👩‍💻 at work", "👩‍💻", "<👩‍💻> at work"},
	{"👩‍💻 at work", "💻", "<👩‍💻> at work"},
	{"👩‍👩‍👧 home", "👧", "<👩‍👩‍👧> home"},
	{"I ❤️ Go", "❤", "I <❤️> Go"},
	{"I ❤ Go", "❤️", "I <❤> Go"},
	{"🇩🇪 🇫🇷", "🇫🇷", "🇩🇪 <🇫🇷>"},
	{"🇩🇪 🇫🇷", "🇩🇷", ""},
	{"1️⃣ first", "1", "<1️⃣> first"},
	{"a → b", "→", "a <→> b"},
	{"5 €", "€", "5 <€>"},

	// Words are whole, unless they end in *; phrases are in order.
	{"see you tomorrow", `"see you" tomor*`, "<see you> <tomorrow>"},
	{"see, you", `"see you"`, "<see, you>"},
	{"you see", `"see you"`, ""},
	{"tomorrow", `"tomor"`, ""},
	{"tomorrow", "morrow*", ""},

	// Words of three letters or more are also found within others.
	{"tomorrow", "tomor", "<tomor>row"},
	{"tomorrow", "morrow", "to<morrow>"},
	{"die Straßenbahn und die Bahn", "bahn", "die Straßen<bahn> und die <Bahn>"},
	{"Straßenbahn", "STRASSEN", "<Straßen>bahn"},
	{"Straßenbahn", "senb", "Stra<ßenb>ahn"},
	{"un CAFE\u0301TIER", "feti", "un CA<FE\u0301TI>ER"},
	{"ﬁnest", "ine", "<ﬁne>st"},
	{"anananas", "ana", "<ana>n<ana>s"},
	{"golang", "go", ""},
	{"golang", "lan ang", "go<lang>"},
	{"wohin", "ohi \"wohin\"", "<wohin>"},
	{"wohin", "ohi \"ohin\"", ""},
	{"the snake_cases", "nake_cas", "the s<nake_cas>es"},
	{"pecan't", "can't", "pe<can't>"},
	{"I can tell", "can't", ""},
	{"重跑gen-itgc后", "跑gen-itg", "重<跑gen-itg>c后"},
	{"中华regen", "华gen", ""},
	{"непонятно", "понят", "не<понят>но"},
	{"a b a b a", `"a b a"`, "<a b a b a>"},
	{"don't", "don't", "<don't>"},
	{"snake_case", "case", "snake_<case>"},
	{"重\u200b跑", "重跑", "<重\u200b跑>"},
	{"a\u200bb", "ab", ""},
	{"\xff重\xfe跑", "重跑", "\xff<重\xfe跑>"},
	{"\ufffd", "\xff", ""},
	{"hello \x00 behind", "behind", ""},
}

// marked shows the parts of a text.
func marked(parts []string) string {
	var shown strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			part = "<" + part + ">"
		}
		shown.WriteString(part)
	}
	return shown.String()
}

func TestQuery(t *testing.T) {
	w := words{traces: true}
	for _, test := range searches {
		got := ""
		q, err := parseQuery(test.query)
		if err == nil {
			text := visible([]byte(test.text))
			w.split(text)
			if found := q.find(&w, true); found != nil {
				got = marked(cut(text, found))
			}
		} else if !errors.Is(err, ErrNoWords) {
			t.Error(err)
		}
		if got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.query, test.text, got, test.want)
		}
	}
}
