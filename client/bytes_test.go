package client

import (
	"encoding/json"
	"testing"
)

// Any bytes come from the history as they are.
func TestBytesInJSON(t *testing.T) {
	for literal, want := range map[string]string{
		`""`:                       "",
		`"plain żółw 👍"`:           "plain żółw 👍",
		`"a\n\"\\\u0041\u2028"`:    "a\n\"\\A\u2028",
		`"\udcff"`:                 "\xff",
		`"a\udc80b\udcfe\udcff\\"`: "a\x80b\xfe\xff\\",
		`"\ud83d\udc9b \uDC9B"`:    "💛 \x9b",
		`"\\udc80"`:                `\udc80`,
		`"\ufffd \ud800"`:          "\ufffd \ufffd",
	} {
		var got bytesInJSON
		if err := json.Unmarshal([]byte(literal), &got); err != nil || string(got) != want {
			t.Errorf("%s is %q, want %q: %v", literal, got, want, err)
		}
	}
	var got bytesInJSON
	if err := json.Unmarshal([]byte(`7`), &got); err == nil {
		t.Error("a number is taken for a string")
	}
}
