package client_test

import (
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sop-chat/client"
)

// Through a page the error of a refusal has its reason. Servers that are older than the
// codes close with another one.
func TestDialRefusedReason(t *testing.T) {
	for _, test := range []struct {
		refusal websocket.StatusCode
		key     string
		reason  client.Refusal
		words   string
	}{
		{0, "guess", client.WrongKey, " did not let us in: the key is wrong"},
		{4503, "key", client.RoomFull, " did not let us in: the room is full"},
		{4409, "key", client.NameTaken, " did not let us in: somebody with this name, or one that looks like it, is in the room"},
		{websocket.StatusNormalClosure, "key", client.UnknownRefusal, " did not let us in: the key is wrong, the room is full, or the name is taken"},
	} {
		p := newPage(t)
		p.refusal = test.refusal
		_, err := client.Dial(within(t), p.URL, "alice", test.key)
		if refused, ok := err.(*client.RefusedError); !ok || refused.Addr != p.URL || refused.Reason != test.reason || !strings.HasSuffix(err.Error(), test.words) {
			t.Errorf("%d: got %v", test.refusal, err)
		}
	}
}
