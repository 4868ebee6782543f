package webhook

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

const form = "application/x-www-form-urlencoded"

// What is to be said is the body, or in it.
func TestParse(t *testing.T) {
	for _, test := range []struct {
		what, kind, body string
		want             Post
	}{
		{"text", "text/plain; charset=utf-8", "build failed\r\n", Post{Text: "build failed"}},
		{"no type", "", "build failed", Post{Text: "build failed"}},
		{"curl -d", form, "build failed: 50%&rising", Post{Text: "build failed: 50%&rising"}},
		{"curl --data-binary of a file", "application/octet-stream", "a\nb\n\n", Post{Text: "a\nb"}},
		{"JSON", "application/json", `{"text": "żółw\n🦉"}`, Post{Text: "żółw\n🦉"}},
		{"JSON with a name and more", "application/json; charset=utf-8", `{"username": " ci ", "text": "failed", "icon_emoji": ":x:", "blocks": [1]}`, Post{"failed", "ci"}},
		{"a form of Slack", form, "payload=%7B%22text%22%3A+%22a+%26+b%22%7D", Post{Text: "a & b"}},
		{"a form of Slack with more", form, `payload={"text":"a"}&more=b`, Post{Text: "a"}},
		{"JSON that says to be text", "text/plain", `{"text": "a"}`, Post{Text: `{"text": "a"}`}},
	} {
		if got, err := Parse(test.kind, []byte(test.body)); err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v; want %+v", test.what, got, err, test.want)
		}
	}
}

// What can't be said is refused with the reason.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ kind, body, want string }{
		{"", "", "the text is empty"},
		{"", "\r\n\n", "the text is empty"},
		{"", "\xff", "not valid UTF-8"},
		{"", "a\x00b", "zero byte"},
		{"application/json", ``, "is not JSON such as"},
		{"application/json", `{"text": "a"} {}`, "is not JSON such as"},
		{"application/json", `["text"]`, "is not JSON such as"},
		{"application/json", `{"text": 1}`, "is not JSON such as"},
		{"application/json", `{"message": "a"}`, "has no text"},
		{"application/json", `{"text": null}`, "has no text"},
		{"application/json", `{"text": ""}`, "the text is empty"},
		{"application/json", `{"text": "\u0000"}`, "zero byte"},
		{"application/json", `{"text": "a", "username": "a\nb"}`, "can't be printed"},
		{"application/json", `{"text": "a", "username": "` + strings.Repeat("n", 65) + `"}`, "65 bytes long; at most 64"},
		{form, "payload=%zz", "the form can't be read"},
		{form, "payload=text", "is not JSON such as"},
	} {
		if _, err := Parse(test.kind, []byte(test.body)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q %.50q: the error is %v, want one with %q", test.kind, test.body, err, test.want)
		}
	}
	for _, kind := range []string{"multipart/form-data; boundary=x", "image/png", ";", "a/b/c"} {
		_, err := Parse(kind, []byte("text"))
		if _, is := errors.AsType[*TypeError](err); !is {
			t.Errorf("%q: the error is %v", kind, err)
		}
	}
}

// Whatever a body is, what comes of it can be said.
func FuzzParse(f *testing.F) {
	for _, kind := range []string{"", "text/plain", "application/json", form} {
		f.Add(kind, []byte("text"))
		f.Add(kind, []byte(`{"text": "a", "username": "b"}`))
		f.Add(kind, []byte(`payload=%7B%22text%22%3A+%22a+%26+b%22%7D&more`))
		f.Add(kind, []byte("a\x00\xff"))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		p, err := Parse(kind, body)
		if err != nil {
			if p != (Post{}) || strings.TrimSpace(err.Error()) == "" {
				t.Errorf("%+v comes with the error %q", p, err)
			}
			return
		}
		if p.Text == "" || !utf8.ValidString(p.Text) || strings.ContainsRune(p.Text, 0) {
			t.Errorf("the text %q can't be said", p.Text)
		}
		if _, err := wire.New(p.Username, ""); err != nil || strings.TrimSpace(p.Username) != p.Username {
			t.Errorf("the name %q can't be one: %v", p.Username, err)
		}
	})
}
