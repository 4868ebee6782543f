package command

import (
	"log/slog"
	"testing"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// What clients say is posted by their server alone, and what programs say by none.
func TestMentionsOfClientsHere(t *testing.T) {
	r := readMentions(mentionList{{name: "alice", url: "http://127.0.0.1:1/"}}, nil, slog.New(slog.DiscardHandler))
	defer r.close()
	r.hold(t.Context())
	message, err := wire.New("bob", "alice: look")
	if err != nil {
		t.Fatal(err)
	}
	room := &mentionRoom{name: "main", next: 1}
	for _, id := range []uint64{0, 7 | broadcast.Elsewhere, 7} {
		r.read(room, &broadcast.Entry{From: &broadcast.Sender{ID: id, Name: "bob"}, Message: message})
	}
	if waiting := r.posters[0].Waiting(); len(waiting) != 1 || waiting[0].Number != 3 {
		t.Errorf("%v is posted, want the message 3 alone", waiting)
	}
}
