package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// inRooms returns a configuration with so many rooms.
func inRooms(rooms, clients, senders, rate, window int) Config {
	c := Config{
		Dialect: Chat("key 1"), Clients: clients, Senders: senders, Rate: rate, Window: window,
		Warmup: 100 * time.Millisecond, Duration: time.Second,
	}
	for i := range rooms {
		c.Rooms = append(c.Rooms, Chat(fmt.Sprint("key ", i+1)).Hello)
	}
	return c
}

// A server whose rooms are apart passes, whoever sends in them.
func TestRooms(t *testing.T) {
	for _, test := range []struct {
		what                    string
		rooms, clients, senders int
		rate, window            int
		receivers               int // of each message
	}{
		{"a sender in each", 10, 40, 10, 0, 4, 3},
		{"everyone sends", 5, 15, 15, 0, 4, 2},
		{"everyone sends at a rate", 5, 15, 15, 777, 0, 2},
		{"few rooms have a sender", 20, 40, 3, 100, 0, 1},
		{"two senders in each", 3, 12, 6, 0, 1, 3},
		{"nobody sends", 7, 7, 0, 0, 0, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			f := &fakeServer{rooms: test.rooms}
			r, err := simulate(t, inRooms(test.rooms, test.clients, test.senders, test.rate, test.window), f)
			if err != nil {
				t.Fatal(err)
			}
			if want := int64(f.messages * test.receivers); r.Verified != want || (want == 0) != (test.senders == 0) || r.Rooms != test.rooms {
				t.Errorf("in %d rooms %d deliveries were checked, want %d", r.Rooms, r.Verified, want)
			}
		})
	}
}

// The clients are spread over the rooms in turns, and give the key of theirs.
func TestRoomsOfClients(t *testing.T) {
	c := inRooms(3, 7, 0, 0, 0)
	for client := range 7 {
		want := fmt.Sprintf("bench-%d\x00", client)
		if hello := string(c.hello(client)); !strings.HasPrefix(hello, want) || !strings.Contains(hello, fmt.Sprintf("key %d\x00", client%3+1)) {
			t.Errorf("client %d says %q", client, hello)
		}
	}
}

// Uneven rooms: those that have a client, or a sender, more than others count it.
func TestUnevenRooms(t *testing.T) {
	for _, senders := range []int{1, 4, 7, 11} {
		if _, err := simulate(t, inRooms(4, 11, senders, 0, 2), &fakeServer{rooms: 4}); err != nil {
			t.Errorf("%d senders: %v", senders, err)
		}
	}
}

// What crosses from a room to another is found, and so is what is wrong within one.
func TestWrongRooms(t *testing.T) {
	leak := func(rooms, to int) fault {
		return func(d delivery) []byte {
			if d.place >= bad && d.to == to && d.from%rooms != to%rooms {
				return d.own
			}
			return d.message
		}
	}
	for _, test := range []struct {
		what   string
		config Config
		rooms  int
		fault  fault
		want   string
	}{
		{"to a listener", inRooms(4, 16, 1, 0, 4), 4, leak(4, 9), "client 9 received message 42 of sender 0, which was sent in room 1, and is in room 2: it has crossed over"},
		{"to a listener that others have told", inRooms(4, 16, 4, 0, 4), 4, leak(4, 5), "it has crossed over"},
		{"to a sender", inRooms(2, 6, 6, 0, 4), 2, leak(2, 5), "it has crossed over"},
		{"everything to everyone", inRooms(3, 9, 3, 0, 4), 0, nil, "it has crossed over"},
		{"lost", inRooms(4, 16, 1, 0, 4), 4, instead(12, lose), "client 12 received message 43 of sender 0"},
		{"twice", inRooms(4, 16, 1, 0, 4), 4, instead(12, double), "client 12 received message 42 of sender 0 a second time"},
		{"two orders", inRooms(2, 8, 4, 0, 4), 2, swap(6), "client"},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := simulate(t, test.config, &fakeServer{rooms: test.rooms, fault: test.fault})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

// What can't be done with rooms is said.
func TestCheckRooms(t *testing.T) {
	for want, c := range map[string]Config{
		"3 clients are too few for 4 rooms":                          inRooms(4, 3, 0, 0, 1),
		"7 clients are too few for 4 rooms: in a room with a sender": inRooms(4, 7, 4, 0, 1),
		"": inRooms(4, 8, 4, 0, 1),
		"this server is not known to have rooms": func() Config {
			c := inRooms(4, 8, 4, 0, 1)
			c.Dialect.AnyOrder = true
			return c
		}(),
	} {
		if err := c.Check(); err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d rooms, %d clients, %d senders: %v; want %q", len(c.Rooms), c.Clients, c.Senders, err, want)
		}
	}
}
