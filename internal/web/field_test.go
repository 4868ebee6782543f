//go:build linux

package web

import (
	"encoding/json"
	"testing"
)

// A field in JSON keeps each of its bytes apart: those that are not UTF-8 become lone
// surrogates, and nothing else does.
func TestFieldInJSON(t *testing.T) {
	for bytes, want := range map[string]string{
		"":                     `""`,
		"日本語 <b>\"\\\n":        `"日本語 \u003cb\u003e\"\\\n"`,
		"\ufeffafter a mark":   "\"\ufeffafter a mark\"",
		"\ufffd is itself":     "\"\ufffd is itself\"",
		"a\xffb\x80":           `"a\udcffb\udc80"`,
		"cut \xe6\x97":         `"cut \udce6\udc97"`,
		"\xe6\x97\xa5\xe6\x97": `"日\udce6\udc97"`,
		"\xed\xa0\x80":         `"\udced\udca0\udc80"`, // a surrogate
		"\xc0\x80":             `"\udcc0\udc80"`,       // too long
		"\xf4\x90\x80\x80":     `"\udcf4\udc90\udc80\udc80"`,
	} {
		if got, err := json.Marshal(field(bytes)); err != nil || string(got) != want {
			t.Errorf("%q becomes %s (%v), want %s", bytes, got, err, want)
		}
	}
}
