// Package webhook is how other programs take part in a room by HTTP: what they post to be
// said there, how often they may, and what they are told of what is said.
//
// It knows no server, and of HTTP no more than what is in a request or an answer.
package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// MaxBody is how long the body of a request may be, in bytes: more than the longest text in
// JSON.
const MaxBody = 64 << 10

// A Post is what a program posts to be said.
type Post struct {
	Text     string // is not empty, and is valid UTF-8 without zero bytes
	Username string // the name it is to be said under; "" is that of the key
}

// Parse returns what a request with a body of some media type is to have said. A body is
// the text itself, or JSON with text, and username if the name is not to be that of the
// key; or a form whose field payload is that JSON. curl -d sends the type of a form with
// any text, so what has no payload is taken for text.
func Parse(contentType string, body []byte) (Post, error) {
	media, _, err := mime.ParseMediaType(contentType)
	if contentType == "" {
		media, err = "text/plain", nil
	}
	if err != nil {
		return Post{}, &TypeError{contentType}
	}
	var p Post
	switch payload, isForm := strings.CutPrefix(string(body), "payload="); {
	case media == "application/json":
		p, err = parseJSON(body)
	case media == "application/x-www-form-urlencoded" && isForm:
		payload, _, _ = strings.Cut(payload, "&")
		if payload, err = url.QueryUnescape(payload); err != nil {
			return Post{}, errors.New("the form can't be read: its payload has a '%' that no two hexadecimal digits follow")
		}
		p, err = parseJSON([]byte(payload))
	case media == "application/x-www-form-urlencoded", strings.HasPrefix(media, "text/"), media == "application/octet-stream":
		p.Text = string(body)
	default:
		return Post{}, &TypeError{media}
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Post{}, err
	}
	return p, nil
}

// A TypeError says that a body of some media type can't be read.
type TypeError struct{ Type string }

func (e *TypeError) Error() string {
	return fmt.Sprintf("the body is of the type %.100q; send text, or JSON as application/json", e.Type)
}

func parseJSON(body []byte) (p Post, err error) {
	var content struct {
		Text     *string `json:"text"`
		Username string  `json:"username"`
	}
	if err := json.Unmarshal(body, &content); err != nil {
		return p, fmt.Errorf(`the body is not JSON such as {"text": "build failed"}: %w`, err)
	}
	if content.Text == nil {
		return p, errors.New(`the JSON has no text; it needs a field such as {"text": "build failed"}`)
	}
	return Post{*content.Text, content.Username}, nil
}

// check makes of a post what can be said, or returns an error.
func (p *Post) check() error {
	p.Text = strings.TrimRight(strings.ReplaceAll(p.Text, "\r\n", "\n"), "\n")
	p.Username = strings.TrimSpace(p.Username)
	isHidden := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case p.Text == "":
		return errors.New("the text is empty")
	case !utf8.ValidString(p.Text):
		return errors.New("the text is not valid UTF-8")
	case strings.ContainsRune(p.Text, 0):
		return errors.New("the text has a zero byte, which would end it")
	case len(p.Username) > wire.NameSize:
		return fmt.Errorf("the username is %d bytes long; at most %d fit", len(p.Username), wire.NameSize)
	case !utf8.ValidString(p.Username) || strings.ContainsFunc(p.Username, isHidden):
		return fmt.Errorf("the username, %q, has a character that can't be printed", p.Username)
	}
	return nil
}
