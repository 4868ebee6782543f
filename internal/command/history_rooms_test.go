package command

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Of a file with several rooms each line says the room, unless one is asked for.
func TestHistoryOfRooms(t *testing.T) {
	path := historyFile(t, "alice: alice: one", "alice: alice: two")
	sayIn(t, path, "a [b]\x1b", afternoon.Add(10*time.Minute), "bob: bob: one more", "bob: eve: and another")
	sayIn(t, path, roomName, afternoon.Add(20*time.Minute), "alice: alice: three")
	at := func(minutes int) string {
		return afternoon.Add(time.Duration(minutes) * time.Minute).Format(time.DateTime)
	}
	utc := func(minutes int) string {
		return afternoon.Add(time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339Nano)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"list", "FILE"}, "[main] " + at(0) + " alice: one\n[main] " + at(1) + " alice: two\n" +
			`[a [b]\x1b] ` + at(10) + " bob: one more\n" + `[a [b]\x1b] ` + at(11) + ` ! "bob" writes as "eve": and another` + "\n" +
			"[main] " + at(20) + " alice: three\n"},
		{[]string{"list", "FILE", "--room", "main"}, at(0) + " alice: one\n" + at(1) + " alice: two\n" + at(20) + " alice: three\n"},
		{[]string{"list", "FILE", "--room=a [b]\x1b", "--last=1"}, at(11) + ` ! "bob" writes as "eve": and another` + "\n"},
		{[]string{"search", "FILE", "one"}, "[main] " + at(0) + " alice: «one»\n" + `[a [b]\x1b] ` + at(10) + " bob: «one» more\n"},
		{[]string{"search", "FILE", "one", "--room", "main"}, at(0) + " alice: «one»\n"},
		{[]string{"export", "FILE", "--last", "2"}, `[a [b]\x1b] ` + at(11) + ` ! "bob" writes as "eve": and another` + "\n[main] " + at(20) + " alice: three\n"},
		{
			[]string{"export", "FILE", "--room", "main", "--format", "csv", "--last", "1"},
			"sequence,number,time,room,name,authenticated_name,address,text\n5,3," + utc(20) + `,"main","alice","alice",,"three"` + "\n",
		},
		{
			[]string{"export", "FILE", "--format", "json", "--last", "1"},
			`{"sequence":5,"number":3,"time":"` + afternoon.Add(20*time.Minute).UTC().Format(exportTime) +
				`","room":"main","name":"alice","authenticated_name":"alice","text":"three"}` + "\n",
		},
		{[]string{"stats", "FILE", "--room", "main"}, fmt.Sprintf("3 messages by 1 person, %s to %s\n", at(0)[:16], at(20)[:16])},
		{[]string{"stats", "FILE"}, "\nby the room:\n\n  main      3 "},
		{[]string{"prune", "FILE", "--room", "main", "--older-than", "2026-11-24 16:10"}, "2 messages removed\n"},
		{[]string{"list", "FILE", "--last", "2"}, `[a [b]\x1b] ` + at(11)},
	} {
		status, stdout, stderr := historyResult(t, path, test.args...)
		got := stdout
		if test.args[0] == "stats" || test.args[len(test.args)-1] == "2" {
			got = stdout[:min(len(stdout), max(0, strings.Index(stdout, test.want))+len(test.want))]
			got = got[max(0, len(got)-len(test.want)):]
		}
		if status != 0 || stderr != "" || got != test.want {
			t.Errorf("%q: status %d, %s\ngot:\n%swant:\n%s", test.args, status, stderr, stdout, test.want)
		}
	}
	_, html, _ := historyResult(t, path, "export", "FILE", "--format", "html")
	if !strings.Contains(html, `">bob<small>in a [b]\x1b</small></b><p>one more</p>`) {
		t.Errorf("the page is\n%s", html)
	}
	for _, command := range []string{"list", "search", "export", "stats", "prune"} {
		args := []string{command, "FILE", "--room", "kitchen"}
		switch command {
		case "search":
			args = append(args, "x")
		case "prune":
			args = append(args, "--older-than", "1d")
		}
		status, stdout, stderr := historyResult(t, path, args...)
		want := fmt.Sprintf("sop-chat: %q has no room \"kitchen\"; its rooms are %q, \"main\"\n", path, "a [b]\x1b")
		if status != 1 || stdout != "" || stderr != want {
			t.Errorf("%s of an unknown room: status %d, %q, %q; want %q", command, status, stdout, stderr, want)
		}
	}
	status, _, stderr := historyResult(t, historyFile(t, talk...), "list", "FILE", "--room", "kitchen")
	if status != 1 || !strings.Contains(stderr, `has no room "kitchen", but only "main"`) {
		t.Errorf("status %d, %s", status, stderr)
	}
}
