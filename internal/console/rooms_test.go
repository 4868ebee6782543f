package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/internal/broadcast"
)

// follow has a console print a room.
func (r *room) follow(c *Console, name string) *room {
	c.Follow(r.log, name)
	r.t.Cleanup(r.log.Close)
	return r
}

// run runs a console until all rooms are closed, and returns what waits for that.
func run(t *testing.T, c *Console) (wait func()) {
	done := make(chan error, 1)
	go func() { done <- c.Run(context.Background()) }()
	return func() {
		t.Helper()
		c.Finish()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	}
}

// One console prints what many rooms say at the same time, of each everything and in
// order. Rooms open and close meanwhile.
func TestManyRooms(t *testing.T) {
	var out bytes.Buffer
	c := New(&out, Options{})
	wait := run(t, c)
	const rooms = 300
	all := make([]*room, rooms)
	for i := range all {
		all[i] = newRoom(t, 1<<20).follow(c, fmt.Sprint("room ", i))
		for _, r := range all[i/2 : i+1] { // the first half of them closes while others open
			r.say(1)
			r.announce("bob")
		}
		if i%2 == 1 {
			all[i/2].log.Close()
		}
	}
	for _, r := range all[rooms/2:] {
		r.say(3)
		r.log.Close()
	}
	wait()
	lines := make(map[string]*strings.Builder)
	for line := range strings.Lines(out.String()) {
		tag, rest, _ := strings.Cut(line, "] ")
		if lines[tag] == nil {
			lines[tag] = new(strings.Builder)
		}
		lines[tag].WriteString(rest)
	}
	for i, r := range all {
		printed := lines[fmt.Sprintf("[room %d", i)].String()
		r.check(printed)
		if strings.Contains(printed, "left out") {
			t.Errorf("something of room %d was left out", i)
		}
	}
	if len(lines) != rooms {
		t.Errorf("there are lines of %d rooms, want %d", len(lines), rooms)
	}
}

// What many rooms have to say at the same time is written together, and a room in which
// much is said does not keep others waiting.
func TestRoomsTakeTurns(t *testing.T) {
	var writes []string
	c := New(writerFunc(func(p []byte) (int, error) {
		writes = append(writes, string(p))
		return len(p), nil
	}), Options{})
	loud := newRoom(t, backlog).follow(c, "loud")
	loud.say(10 * batchSize)
	for i := range 50 {
		newRoom(t, backlog).follow(c, fmt.Sprint("quiet ", i)).say(1)
	}
	c.printNext(t.Context())
	c.printNext(t.Context())
	if quiet := strings.Count(writes[0]+writes[1], "[quiet"); len(writes) != 2 || quiet != 50 {
		t.Errorf("%d writes have %d quiet rooms, want 2 with 50", len(writes), quiet)
	}
}

// What is left out is said of the room of which it is missing.
func TestGapsOfRooms(t *testing.T) {
	var out bytes.Buffer
	stuck, release := make(chan bool), make(chan bool)
	c := New(writerFunc(func(p []byte) (int, error) {
		if out.Len() == 0 {
			stuck <- true
			<-release
		}
		return out.Write(p)
	}), Options{})
	maths, music := newRoom(t, 4*broadcast.SegmentSize).follow(c, "maths"), newRoom(t, 4*broadcast.SegmentSize).follow(c, "music")
	wait := run(t, c)
	maths.say(1)
	<-stuck
	maths.say(5000)
	music.say(10)
	close(release)
	maths.log.Close()
	music.log.Close()
	wait()
	maths.check(strings.Join(linesOf(out.String(), "[maths] "), ""))
	music.check(strings.Join(linesOf(out.String(), "[music] "), ""))
	if gaps := regexp.MustCompile(`(?m)^.*left out.*$`).FindAllString(out.String(), -1); len(gaps) != 1 || !strings.HasPrefix(gaps[0], "[maths] * ") {
		t.Errorf("the gaps are %q, want one of maths", gaps)
	}
}

// Events that repeat are counted in each room by itself: many in one room hide none in
// another.
func TestRepeatsOfRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		c := New(&out, Options{})
		maths, music := newRoom(t, backlog).follow(c, "maths"), newRoom(t, backlog).follow(c, "music")
		wait := run(t, c)
		for range joinsEach + 100 {
			maths.log.Announce(&broadcast.Notice{Kind: broadcast.Accepted, From: visitor(1, "192.0.2.7"), Time: time.Now()})
			maths.log.Wake(nil)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		music.log.Announce(&broadcast.Notice{Kind: broadcast.Accepted, From: visitor(2, "192.0.2.7"), Time: time.Now()})
		music.log.Wake(nil)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		printed := out.String()
		if n := len(linesOf(printed, "[maths] ")); n != joinsEach+1 {
			t.Errorf("%d lines are of maths, want %d", n, joinsEach+1)
		}
		if !strings.HasSuffix(printed, "[maths] * and 100 more in 10 s from 192.0.2.7: accepted\n") || len(linesOf(printed, "[music] ")) != 1 {
			t.Errorf("the end is %q", printed[len(printed)-200:])
		}
		if c.windows != nil {
			t.Errorf("%d windows are kept", len(c.windows))
		}
		maths.log.Close()
		music.log.Close()
		wait()
	})
}

// A quiet room costs the console little, and so does one in which something happened
// long ago.
func TestQuietRoomsAreSmall(t *testing.T) {
	const rooms, most = 10_000, 400 // bytes, with its follower and a tag
	c := New(io.Discard, Options{Colours: true})
	logs := make([]*broadcast.Log, rooms)
	for i := range logs {
		logs[i] = broadcast.New(broadcast.SegmentSize, 0)
	}
	before := heap()
	for i, log := range logs {
		c.Follow(log, fmt.Sprint("room ", i))
	}
	check := func(when string) {
		if each := (heap() - before) / rooms; each > most {
			t.Errorf("%s a room costs %d bytes, want at most %d", when, each, most)
		} else {
			t.Logf("%s a room costs %d bytes", when, each)
		}
	}
	check("at first")
	visit := func(f *feed, now time.Time) {
		for kind := broadcast.Accepted; kind <= broadcast.Left; kind++ {
			printBatch(c, f, []broadcast.Entry{{Notice: &broadcast.Notice{Kind: kind, From: visitor(1, "192.0.2.7"), Time: now}}}, now)
		}
	}
	feeds := make([]feed, rooms)
	before = heap()
	for i := range feeds {
		visit(&feeds[i], noon)
	}
	printBatch(c, &feeds[0], nil, noon.Add(time.Minute))
	if each := int(heap()-before) / rooms; each > 16 {
		t.Errorf("a minute after something happened in it, a room costs %d bytes more", each)
	}
	runtime.KeepAlive(feeds)
	runtime.KeepAlive(logs)
}

// heap returns how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
