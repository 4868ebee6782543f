package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
)

// A jsonLine is what a program gets out of a line. Keys beside these are a bug.
type jsonLine struct {
	Time                    time.Time
	Event                   string
	Name                    string
	NameBase64              []byte `json:"name_base64"`
	AuthenticatedName       string `json:"authenticated_name"`
	AuthenticatedNameBase64 []byte `json:"authenticated_name_base64"`
	Text                    string
	TextBase64              []byte `json:"text_base64"`
	Address                 string
	Key                     string
	KeyBase64               []byte `json:"key_base64"`
	Label                   string
	Reason                  string
	Count                   uint64
	CountEvents             uint64 `json:"count_events"`
}

func readJSONLine(line []byte) (l jsonLine, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err = d.Decode(&l)
	return l, err
}

// Every event is one object with the same keys in the same order, and says
// what was sent, not how it is shown.
func TestJSON(t *testing.T) {
	format := newJSONFormat()
	notice := func(kind broadcast.NoticeKind, key, reason string) []byte {
		return format.notice(nil, "", &broadcast.Notice{Kind: kind, From: sender("alice"), Key: key, Reason: reason, Time: noon})
	}
	for _, test := range []struct {
		got  []byte
		want string
	}{
		{
			format.message(nil, "", entry("alice", " alice ", "say \"hi\"\n")),
			`"event":"message","name":" alice ","authenticated_name":"alice","text":"say \"hi\"\n","address":"127.0.0.1:4242"`,
		},
		{
			format.message(nil, "", entry("bob", "alice", "żółw 👩\u200d👧")),
			`"event":"message","name":"alice","authenticated_name":"bob","text":"żółw 👩` + "\u200d" + `👧","address":"127.0.0.1:4242"`,
		},
		{
			format.message(nil, "", &broadcast.Entry{From: &broadcast.Sender{}, Time: noon}),
			`"event":"message","name":"","authenticated_name":"","text":""`,
		},
		{
			notice(broadcast.Accepted, "secret", ""),
			`"event":"accepted","name":"alice","authenticated_name":"alice","address":"127.0.0.1:4242","key":"secret"`,
		},
		{
			format.notice(nil, "", &broadcast.Notice{Kind: broadcast.Accepted, From: sender("alice"), Label: "alice-phone", Time: noon}),
			`"event":"accepted","name":"alice","authenticated_name":"alice","address":"127.0.0.1:4242","key":null,"label":"alice-phone"`,
		},
		{
			notice(broadcast.Refused, "guess", "wrong key"),
			`"event":"refused","name":"alice","address":"127.0.0.1:4242","key":"guess","reason":"wrong key"`,
		},
		{
			notice(broadcast.Joined, "", ""),
			`"event":"joined","name":"alice","authenticated_name":"alice","address":"127.0.0.1:4242"`,
		},
		{
			notice(broadcast.Left, "", "reset"),
			`"event":"left","name":"alice","authenticated_name":"alice","address":"127.0.0.1:4242","reason":"reset"`,
		},
		{
			format.notice(nil, "", &broadcast.Notice{Kind: broadcast.Waiting, Reason: "NATS is away", Time: noon}),
			`"event":"waiting","reason":"NATS is away"`,
		},
		{format.notice(nil, "", &broadcast.Notice{Kind: broadcast.Resumed, Time: noon}), `"event":"resumed"`},
		{
			format.gap(nil, "", gap{counts{12, 3}, tooSlow}, noon),
			`"event":"skipped","reason":"the console could not keep up","count":12,"count_events":3`,
		},
	} {
		want := fmt.Sprintf(`{"time":"%s.678000000Z",%s}`+"\n", noon.UTC().Format("2006-01-02T15:04:05"), test.want)
		if string(test.got) != want {
			t.Errorf("printed\n%swant\n%s", test.got, want)
		}
		if _, err := readJSONLine(test.got); err != nil {
			t.Errorf("%s: %v", test.got, err)
		}
	}
}

// What could act on a terminal is an escape, and bytes that no string can hold
// come beside it.
func TestJSONHostile(t *testing.T) {
	for _, test := range []struct{ what, text, want string }{
		{"controls", "\x00\x1b\r\t\\", `"\u0000\u001b\r\t\\"`},
		{"delete and C1", "\x7f\u0085", `"\u007f\u0085"`},
		{"bidirectional", "\u202e", `"\u202e"`},
		{"line separator", "\u2028", `"\u2028"`},
		{"above 16 bits", "\U000e0001", `"\udb40\udc01"`},
		{"noncharacters", "\uffff\U0001ffff", `"\uffff\ud83f\udfff"`},
		{"not UTF-8", "a\xffb", `"a\ufffdb","text_base64":"Yf9i"`},
		{"valid replacement", "\ufffd", "\"\ufffd\""},
	} {
		t.Run(test.what, func(t *testing.T) {
			got := appendField(nil, "text", []byte(test.text))
			if want := `,"text":` + test.want; string(got) != want {
				t.Errorf("printed %s, want %s", got, want)
			}
		})
	}
}
