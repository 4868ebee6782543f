package command

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/admin"
	"sop-chat/internal/chattest"
	"sop-chat/internal/metrics"
	"sop-chat/internal/origin"
	"sop-chat/internal/rooms"
	"sop-chat/internal/server"
)

// A reloads that is a function.
type reloadFunc func() error

func (f reloadFunc) Reload() error  { return f() }
func (f reloadFunc) Upgrade() error { return f() }

// What an operator asks for is done, answered in words, and logged with who did it.
func TestOperator(t *testing.T) {
	table := origin.NewTable(origin.Config{})
	s := chattest.Start(t, server.Config{Origins: table}, server.RoomConfig{Key: "1", MaxClients: 4})
	alice, eve := s.JoinRoom(t, "alice", "1"), s.JoinRoom(t, "eve", "1")
	var log strings.Builder
	level := new(slog.LevelVar)
	reloaded := errors.New("a.toml:3: a mistake")
	a := &operator{
		server: s.Server, origins: table, counted: metrics.Config{Server: s.Server, Draining: s.IsDraining}, level: level,
		reloads: reloadFunc(func() error { return reloaded }),
		began:   time.Now(), logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	anna := admin.Actor{UID: 1000, User: "anna", PID: 4711}
	const by = `by="anna (uid 1000), pid 4711"`
	for _, step := range []struct {
		request admin.Request
		want    string // in the text, or the error
		log     string
	}{
		{admin.Request{Command: "who"}, "alice  main", "level=DEBUG msg=\"an operator acts\" command=who " + by},
		{admin.Request{Command: "who", Room: "maths"}, `there is no room "maths"; there is "main"`, `refused="there is no room`},
		{admin.Request{Command: "rooms"}, "main        2      4         0  open", "level=DEBUG"},
		{admin.Request{Command: "say", Text: "hello"}, "said in main", "level=INFO msg=\"an operator acts\" command=say " + by + " text=hello"},
		{admin.Request{Command: "say", Text: strings.Repeat("long words ", 41)}, "said in main, as 2 messages", "level=INFO"},
		{admin.Request{Command: "say"}, "the text is empty", "refused="},
		{admin.Request{Command: "say", Text: "a\x00b"}, "the text has a zero byte at position 1", "refused="},
		{admin.Request{Command: "kick", Target: "eve", Reason: "spam"}, ", eve, from 127.0.0.1", "command=kick " + by + " client=eve reason=spam"},
		{admin.Request{Command: "kick", Target: "eve"}, `there is no client "eve"`, ""},
		{admin.Request{Command: "kick"}, "the client is missing", ""},
		{admin.Request{Command: "ban", Network: "192.0.2.0/24", For: "1h"}, "banned 192.0.2.0/24 until 20", "network=192.0.2.0/24 for=1h"},
		{admin.Request{Command: "ban", Network: "192.0.2.1/24"}, `"192.0.2.1/24" is an address in a network`, ""},
		{admin.Request{Command: "ban", Network: "eve"}, `"eve" is neither an IP address nor a network`, ""},
		{admin.Request{Command: "ban", Network: "2001:db8::1", Reason: strings.Repeat("x", 91)}, "the reason is 91 bytes long; at most 90 fit", ""},
		{admin.Request{Command: "ban", Network: "192.0.2.1", For: "soon"}, `"soon" is not an age`, ""},
		{admin.Request{Command: "ban", Network: "2001:db8::1"}, "banned 2001:db8::/64 until it is removed", ""},
		{admin.Request{Command: "bans"}, "2001:db8::/64  unban", "level=DEBUG"},
		{admin.Request{Command: "unban", Network: "192.0.2.7"}, "192.0.2.7 is not banned, but 192.0.2.0/24 is", ""},
		{admin.Request{Command: "unban", Network: "192.0.2.0/24"}, "192.0.2.0/24 is not banned any more", "command=unban"},
		{admin.Request{Command: "unban", Network: "192.0.2.0/24"}, "192.0.2.0/24 is not banned; 'bans' shows what is", ""},
		{admin.Request{Command: "rekey", Room: "main", Key: "pa55word", Disconnect: true}, "main has the new key; its clients were disconnected\nthe former key is in force again when the server is started again, unless it is changed there, too\nthe key is weak", "room=main disconnect=true"},
		{admin.Request{Command: "rekey", Room: "main"}, "the key is empty", ""},
		{admin.Request{Command: "reload"}, "a.toml:3: a mistake", `refused="a.toml:3: a mistake"`},
		{admin.Request{Command: "drain"}, "nobody is let in any more; ", "command=drain"},
		{admin.Request{Command: "drain", Off: true}, "clients are let in again", "off=true"},
		{admin.Request{Command: "loglevel"}, "the level of the log is info\n", "level=DEBUG"},
		{admin.Request{Command: "loglevel", Level: "warn"}, "the level of the log is warn now; it was info", "level=WARN"},
		{admin.Request{Command: "loglevel", Level: "loud"}, `"loud" is not debug, info, warn or error`, ""},
		{admin.Request{Command: "upgrade"}, "this server can't be upgraded while it runs", ""},
		{admin.Request{Command: "stats"}, "messages_total  ", "level=DEBUG"},
		{admin.Request{Command: "dance"}, `there is no command "dance"`, ""},
	} {
		log.Reset()
		result, err := a.do(t.Context(), anna, step.request)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = string(result.AppendText(nil))
		}
		if !strings.Contains(got, step.want) {
			t.Errorf("%+v: %s; want %s", step.request, got, step.want)
		}
		if !strings.Contains(log.String(), step.log) || !strings.Contains(log.String(), by) || strings.Contains(log.String(), "pa55word") {
			t.Errorf("%+v is logged as %swant %s", step.request, &log, step.log)
		}
	}
	if level.Level() != slog.LevelWarn {
		t.Errorf("the level is %v", level.Level())
	}
	for _, c := range []*chattest.Client{eve, alice} {
		c.Expect("server", "hello")
		c.Expect("server", strings.Repeat("long words ", 40)+"long")
		c.Expect("server", "words ")
		c.ExpectEnd()
	}
	s.JoinRoom(t, "bob", "pa55word")
	reloaded = nil
	if result, err := a.do(t.Context(), anna, admin.Request{Command: "reload"}); err != nil || !result.(*admin.Reloaded).Reloaded {
		t.Errorf("%v, %v", result, err)
	}
	a.reloads = nil
	if _, err := a.do(t.Context(), anna, admin.Request{Command: "reload"}); err == nil || !strings.Contains(err.Error(), "has no file to read again") {
		t.Error(err)
	}
}

// A key that an operator has given to a room is in force until the file of the rooms is read
// again, whether that has changed or not.
func TestRekeyUntilReload(t *testing.T) {
	file := []rooms.Room{{Name: "a", Key: "1"}, {Name: "b", Key: "2"}}
	server := &fakeRooms{keys: map[string]string{"a": "1", "b": "2"}}
	rekeyed := new(rekeyedRooms)
	r := &roomsReloader{
		read: func() ([]rooms.Room, error) { return file, nil }, rooms: []rooms.Room{file[0], file[1]}, rekeyed: rekeyed,
		server: server, warn: func([]rooms.Room) {}, logger: slog.New(slog.DiscardHandler),
	}
	rekey := func(room, key string) error {
		return rekeyed.rekey(room, key, func() error {
			if key == "refused" {
				return errors.New(key)
			}
			server.keys[room] = key
			return nil
		})
	}
	if err := errors.Join(rekey("a", "3"), rekey("b", "4")); err != nil {
		t.Fatal(err)
	}
	if rekey("b", "refused") == nil {
		t.Fatal("it is not refused")
	}
	if failed := r.reload(); len(failed) > 0 || server.keys["a"] != "1" || server.keys["b"] != "2" {
		t.Errorf("the keys are %v: %v", server.keys, failed)
	}
	if failed := r.reload(); len(failed) > 0 || len(server.did) != 2 {
		t.Errorf("%v: %v", server.did, failed)
	}
}
