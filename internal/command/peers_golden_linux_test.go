package command

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/cluster"
)

// What servers of all versions ask of each other, answer, and keep of bans.
const (
	goldenAsked  = `{"by":"anna","request":{"command":"","target":"eve","reason":"spam"},"match":"name","until":"2026-11-27T15:00:00Z"}`
	goldenAnswer = `{"result":{"found":[{"match":"name","count":1,"clients":null}]}}`
	goldenFailed = `{"error":"there is no room"}`
	goldenKept   = `{"reason":"spam","by":"anna","server":"one"}`
)

// What servers of a cluster tell each other for operators is what earlier versions understand.
// What a later one has added is ignored in answers and bans, and refused in requests: it may
// limit what is asked for.
func TestPeersGolden(t *testing.T) {
	at := time.Date(2026, 11, 27, 15, 0, 0, 0, time.UTC)
	asked := peerRequest{By: "anna", Request: admin.Request{Target: "eve", Reason: "spam"}, Match: byName, Until: &at}
	found := foundClients{Found: []foundBy{{Match: byName, Count: 1}}}
	result, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	for want, now := range map[string]any{
		goldenAsked: asked, goldenAnswer: peerAnswer{Result: result}, goldenFailed: peerAnswer{Error: "there is no room"},
		goldenKept: keptBan{Reason: "spam", By: "anna", Server: "one"},
	} {
		if got, err := json.Marshal(now); err != nil || string(got) != want {
			t.Errorf("it is %s now, %v, and was %s", got, err, want)
		}
	}

	grown := func(object string) string { return strings.ReplaceAll(object, `{"`, `{"later":[{}],"`) }
	if got, err := decodeRequest([]byte(goldenAsked)); err != nil || !reflect.DeepEqual(got, asked) {
		t.Errorf("%+v is asked for, %v", got, err)
	}
	if got, err := decodeRequest([]byte(grown(goldenAsked))); err == nil {
		t.Errorf("%+v is done of a request that is not understood", got)
	}
	for _, grow := range []func(string) string{strings.Clone, grown} {
		if got, err := decodeAnswer[foundClients]([]byte(grow(goldenAnswer))); err != nil || !reflect.DeepEqual(got, found) {
			t.Errorf("the answer is %+v, %v", got, err)
		}
		if _, err := decodeAnswer[foundClients]([]byte(grow(goldenFailed))); err == nil || err.Error() != "there is no room" {
			t.Errorf("the answer is the error %v", err)
		}
		p := &clusterPeers{name: "two"}
		got, err := p.listedOf(cluster.Ban{Key: "192.0.2.0/24", Data: []byte(grow(goldenKept)), Until: at})
		if err != nil || got.Network.String() != "192.0.2.0/24" || got.Reason != "spam" || got.By != "anna, at one" || !got.Until.Equal(at) {
			t.Errorf("the ban is %+v, %v", got, err)
		}
	}
}
