package admin

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A request is one object with known fields, and nothing else.
func TestParseRequest(t *testing.T) {
	r, err := parseRequest([]byte(`{"command":"kick","target":"eve","reason":"spam","all":true}` + "\n"))
	if want := (Request{Command: "kick", Target: "eve", Reason: "spam", All: true}); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	for _, line := range []string{
		"", "\n", "who", `{"command":"who"`, `{"command":"who","rooom":"a"}`, `{"command":"who"} {"command":"who"}`, `[]`, `{"command":1}`,
		"{\"command\":\"\xff\"}",
	} {
		if r, err := parseRequest([]byte(line)); err == nil {
			t.Errorf("%q is %+v", line, r)
		}
	}
}

// Whatever a request is, parsing it ends, and what is accepted comes back the same when it is
// sent again.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"command":"who"}`))
	f.Add([]byte(`{"command":"say","text":"\u202e\ud83d\ude00 \"","room":"a"}`))
	f.Add([]byte(`{"command":"ban","network":"::/0","for":"1h"}`))
	f.Add([]byte("{\"command\":\"\x00\"}{"))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRequest(line)
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parseRequest(again); err != nil || back != r {
			t.Errorf("%+v comes back as %+v: %v", r, back, err)
		}
	})
}

// hostile is a name that would like to act on a terminal, and to hide.
const hostile = "\x1b[2J\u202eeve\xff\u200b\"\n\u0085"

// Nothing in what people or programs read acts on a terminal, and exact names come through.
func TestHostileNames(t *testing.T) {
	c := Client{Server: hostile, ID: 1, Room: hostile, Address: hostile, Connection: hostile, Label: hostile}
	c.SetName(hostile)
	until := time.Unix(1_800_000_000, 0)
	ban := Ban{Network: hostile, Reason: hostile, By: hostile, Until: &until, Server: hostile}
	notes := []string{hostile}
	for _, r := range []Result{
		&Clients{Clients: []Client{c}, Notes: notes},
		&Clients{Notes: notes},
		&Kicked{Clients: []Client{c}, Notes: notes},
		&Bans{Bans: []Ban{ban, {Keys: 1, Server: hostile}}, Notes: notes},
		&Bans{Notes: notes},
		&Unbanned{Bans: []Ban{ban}, Notes: notes},
		&Banned{Ban: ban, Clients: []Client{c}, Cluster: true, Notes: notes},
		&Said{Rooms: []string{hostile}, Messages: 2},
		&Rooms{Rooms: []Room{{Name: hostile, State: hostile}}},
		&Rekeyed{Room: hostile, Notes: []string{hostile}},
		&Level{Level: hostile, Former: hostile},
		&Stats{Stats: []byte(`{"a\u001b":"\u001b\u202e"}`)},
	} {
		text := string(r.AppendText(nil))
		if strings.ContainsAny(text, "\x1b\u202e\u200b\u0085") || !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
			t.Errorf("%T is shown as %q", r, text)
		}
		line, err := Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range line[:len(line)-1] {
			if b < ' ' || b > '~' {
				t.Errorf("%T is encoded as %q", r, line)
				break
			}
		}
		if !json.Valid(line) {
			t.Errorf("%T is no JSON: %s", r, line)
		}
	}
	line, err := Encode(&Clients{Clients: []Client{c}})
	if err != nil {
		t.Fatal(err)
	}
	var back Clients
	if err := json.Unmarshal(line, &back); err != nil || back.Clients[0].ExactName() != hostile {
		t.Errorf("the name comes back as %q: %v", back.Clients[0].ExactName(), err)
	}
}

// JSON without characters beyond ASCII says the same.
func FuzzASCII(f *testing.F) {
	f.Add("日本語 \U0001f44d \u202e\x7f")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(toASCII(line), &back); err != nil || back != text {
			t.Errorf("%q comes back as %q: %v", text, back, err)
		}
	})
}

// Tables line up, whatever is in them, and end no line with blanks.
func TestTables(t *testing.T) {
	clients := &Clients{Clients: []Client{
		{ID: 7, Room: "main", Address: "192.0.2.1:50000", Connection: "tcp"},
		{ID: 123, Room: "日本語", Address: "[2001:db8::1]:1", Connection: "websocket", Unsent: 12, Label: "bob-phone"},
	}}
	clients.Clients[0].SetName("")
	clients.Clients[1].SetName("日本 é")
	until := time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)
	everywhere := int64(7)
	cluster := &Clients{Clients: slices.Clone(clients.Clients), Notes: []string{"two has not answered in time"}}
	cluster.Clients[0].Server, cluster.Clients[1].Server = "one", "three:9000"
	got := string(clients.AppendText(nil)) + "\n" +
		string(cluster.AppendText(nil)) + "\n" +
		string((*Kicked)(cluster).AppendText(nil)) + "\n" +
		string((&Clients{}).AppendText(nil)) + "\n" +
		string((&Bans{Bans: []Ban{
			{Network: "192.0.2.66", Until: &until, Keys: 100},
			{Network: "10.0.0.0/8", By: "root (uid 0), pid 1", Reason: "spam"},
			{Network: "192.0.2.77", Keys: 100, Server: "two"},
		}}).AppendText(nil)) + "\n" +
		string((&Unbanned{Bans: []Ban{{Network: "10.0.0.0/8"}, {Network: "192.0.2.77", Keys: 100, Server: "two"}}}).AppendText(nil)) + "\n" +
		string((&Banned{Ban: Ban{Network: "10.0.0.0/8"}, Cluster: true}).AppendText(nil)) + "\n" +
		string((&Rooms{Rooms: []Room{{Name: "main", Clients: 3, MaxClients: 4, State: "open", ClusterClients: &everywhere}}}).AppendText(nil)) + "\n" +
		string((&Rooms{Rooms: []Room{{Name: "main", Clients: 3, MaxClients: 4, Messages: 12345, State: "open"}, {Name: "maths", State: "held"}}}).AppendText(nil)) + "\n" +
		string((&Stats{Stats: []byte(`{"clients":3,"loop":{"busy_ratio":0.25},"draining":false,"version":"v1"}`)}).AppendText(nil))
	golden := filepath.Join("testdata", "tables.txt")
	want, _ := os.ReadFile(golden)
	if got != string(want) {
		t.Errorf("not what %s shows:\n%s", golden, got)
	}
	for line := range strings.Lines(got) {
		if strings.TrimRight(line, " \n")+"\n" != line {
			t.Errorf("%q ends with blanks", line)
		}
	}
}

// Each command has a result that can be shown when it is empty.
func TestEmptyResults(t *testing.T) {
	for _, command := range []string{
		"who", "kick", "ban", "unban", "bans", "say", "rooms", "rekey", "reload", "drain", "stats", "loglevel", "upgrade",
	} {
		r := NewResult(command)
		if r == nil {
			t.Errorf("%s has no result", command)
			continue
		}
		r.AppendText(nil)
	}
	if r := NewResult("nothing"); r != nil {
		t.Errorf("what is no command has the result %v", r)
	}
}
