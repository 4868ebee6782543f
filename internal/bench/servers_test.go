package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// atServers returns a configuration with so many servers, whose addresses end in their
// place.
func atServers(servers, clients, senders int) Config {
	c := Config{Dialect: Chat("key"), Clients: clients, Senders: senders, Window: 4, Duration: time.Second}
	for i := range servers {
		c.Servers = append(c.Servers, serverAt(netip.MustParseAddrPort(fmt.Sprintf("127.0.0.%d:9000", i+1))))
	}
	return c
}

// Connections are spread evenly over the servers, so are the senders at the front, and
// each room has clients at as many servers as it can.
func TestSpread(t *testing.T) {
	for _, servers := range []int{1, 2, 3, 4, 5} {
		for _, rooms := range []int{0, 1, 2, 3, 4, 6, 100} {
			c := atServers(servers, 0, 0)
			c.Rooms = make([]Hello, rooms)
			loads := make([]int, servers)
			inRoom := make(map[[2]int]int)
			for i := range 1200 {
				loads[c.server(i)]++
				inRoom[[2]int{i % max(rooms, 1), c.server(i)}]++
				least, most := slices.Min(loads), slices.Max(loads)
				if most > least+2 || i >= servers-1 && least == 0 {
					t.Fatalf("%d servers, %d rooms: after %d connections they have %v", servers, rooms, i+1, loads)
				}
			}
			if want := servers * max(rooms, 1); len(inRoom) != want {
				t.Errorf("%d servers, %d rooms: %d pairs of both have clients, want %d", servers, rooms, len(inRoom), want)
			}
		}
	}
}

// A cluster that has one order passes, and each server's part is in the report.
func TestServers(t *testing.T) {
	for _, senders := range []int{0, 1, 4, 9} {
		for _, rooms := range []int{0, 3} {
			c := inRooms(rooms, 9, senders, 0, 4)
			if rooms > 0 && senders > 6 {
				continue
			}
			c.Servers = atServers(3, 0, 0).Servers
			f := &fakeServer{rooms: rooms}
			r, err := simulate(t, c, f)
			if err != nil {
				t.Fatalf("%d senders in %d rooms: %v", senders, rooms, err)
			}
			clients, deliveries := 0, 0.0
			for i, s := range r.Servers {
				if s.Address != c.Servers[i].Addrs[0].String() || s.ServerCost != nil {
					t.Errorf("server %d is %+v", i, s)
				}
				clients += s.Clients
				deliveries += s.DeliveriesPerSecond
			}
			if clients != 9 || deliveries < r.DeliveriesPerSecond-1 || deliveries > r.DeliveriesPerSecond+1 {
				t.Errorf("of 9 clients with %v deliveries a second, the servers had %+v", r.DeliveriesPerSecond, r.Servers)
			}
		}
	}
}

// What is right at each server and wrong between them is found, and the server is named.
func TestWrongServers(t *testing.T) {
	const servers, second = 2, "127.0.0.2:9000"
	at := func(client int) int { return (&Config{Servers: make([]Server, servers)}).server(client) }
	apart := func(d delivery) []byte {
		if at(d.from) != at(d.to) {
			return nil
		}
		return d.message
	}
	// oneWay has the second server send to the first what it does not get from there.
	oneWay := func(d delivery) []byte {
		if at(d.from) == 0 && at(d.to) == 1 {
			return nil
		}
		return d.message
	}
	// relay has all clients of the second server meet a fault.
	relay := func(of func(client int) fault) fault {
		faults := make(map[int]fault)
		return func(d delivery) []byte {
			if at(d.to) == 0 || d.message == nil {
				return d.message
			}
			if faults[d.to] == nil {
				faults[d.to] = of(d.to)
			}
			return faults[d.to](d)
		}
	}
	back := func(d delivery) []byte {
		if d.place >= bad && d.to == d.from && at(d.to) == 1 {
			return d.own
		}
		return d.message
	}
	for _, test := range []struct {
		what    string
		senders int
		fault   fault
		want    string
	}{
		{"not joined, one sends", 1, apart, "lacks message 0 of sender 0, which others received (client "},
		{"not joined", 4, apart, "that is lost, or the order is not the same for all (client "},
		{"not joined, everyone sends", 10, apart, "place "},
		{"joined one way", 4, oneWay, "is at "},
		{"lost at one", 3, relay(func(c int) fault { return instead(c, lose) }), "lost"},
		{"twice at one", 3, relay(func(c int) fault { return instead(c, double) }), "a second time (client "},
		{"swapped at one", 3, relay(swap), "is at "},
		{"swapped at one, everyone sends", 10, relay(swap), "is at "},
		{"back to its sender", 3, back, "its own (client 1 is at " + second + ")"},
		{"changed at one", 3, relay(func(c int) fault { return instead(c, change(200)) }), "changed: its byte 200 is"},
	} {
		t.Run(test.what, func(t *testing.T) {
			_, err := simulate(t, atServers(servers, 10, test.senders), &fakeServer{fault: test.fault})
			t.Log(err)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
		})
	}
}

// Servers that number the same messages differently are found.
func TestNumbersOfServers(t *testing.T) {
	cluster := atServers(2, 10, 3)
	shift := func(from uint64, by uint64) func(int, []byte) []byte {
		return func(to int, b []byte) []byte {
			if n := binary.BigEndian.Uint64(b); cluster.server(to) == 1 && n >= from {
				binary.BigEndian.PutUint64(b, n+by)
			}
			return b
		}
	}
	epoch := func(to int, b []byte) []byte {
		if cluster.server(to) == 1 && len(b) > admissionSize {
			b[admissionSize-9]++
		}
		return b
	}
	for _, test := range []struct {
		what     string
		misframe func(int, []byte) []byte
		want     string // nothing is wrong if empty
	}{
		{"alike", nil, ""},
		{"another number from the first on", shift(0, 1000), "client 1: the server says that number 1100 comes next, and said 100 to others"},
		{"another number from some on", shift(fakeFirst+bad, 1), "of its own"},
		{"another epoch", epoch, "client 1: the server says that the epoch is"},
	} {
		t.Run(test.what, func(t *testing.T) {
			c := cluster
			c.Rate = 1000
			c.Dialect.WebSocket = &WebSocket{Path: "/ws"}
			f := newNumberedServer(t)
			f.misframe = test.misframe
			r, err := simulate(t, c, f)
			t.Log(err)
			switch {
			case test.want == "":
				if err != nil || r.Verified == 0 {
					t.Errorf("got %+v, %v", r, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasSuffix(err.Error(), "is at 127.0.0.2:9000)"):
				t.Errorf("got %v; want %q, at the second server", err, test.want)
			}
		})
	}
}

// What can't be done with several servers is said.
func TestCheckServers(t *testing.T) {
	pids := func(pids ...int) Config {
		c := atServers(len(pids), 10, 1)
		for i, pid := range pids {
			c.Servers[i].PID = pid
		}
		return c
	}
	for _, test := range []struct {
		config Config
		want   string // nothing is wrong if empty
	}{
		{atServers(3, 3, 1), ""},
		{atServers(3, 2, 1), "2 clients are too few for 3 servers"},
		{pids(7, 8), ""},
		{pids(7, 7), "process 7 is given for two servers"},
		{pids(7, 0), "the process of each server is needed, or of none"},
	} {
		if err := test.config.Check(); err == nil && test.want != "" || err != nil && err.Error() != test.want {
			t.Errorf("got %v; want %q", err, test.want)
		}
	}
}

// The costs of several servers are added, and each one's are over what it delivered.
func TestCostOfServers(t *testing.T) {
	c := atServers(2, 10, 1)
	c.Servers[0].PID, c.Servers[1].PID = 7, 8
	c.Beside = []int{9}
	d := newDriver(&c, sink{}, 1)
	begin := &mark{delivered: []int64{5, 5}, servers: []time.Duration{time.Second, 0}, beside: []time.Duration{time.Hour}}
	end := &mark{
		at: 2 * time.Second, deliveries: 1000, delivered: []int64{755, 255},
		servers: []time.Duration{time.Second + 1500*time.Microsecond, 500 * time.Microsecond},
		beside:  []time.Duration{time.Hour + 4*time.Millisecond},
	}
	r := newReport(&c, &measurement{driver: d, begin: begin, end: end}, []int64{5000, 1000})
	if want := (ServerCost{CPUPerDelivery: 2000, CPU: 0.001, BytesPerClient: 600}); *r.Server != want {
		t.Errorf("together %+v, want %+v", *r.Server, want)
	}
	if want := (BesideCost{CPUPerDelivery: 4000, CPU: 0.002}); len(r.Beside) != 1 || r.Beside[0] != want {
		t.Errorf("beside them %+v, want %+v", r.Beside, want)
	}
	for i, want := range []ServerReport{
		{Address: "127.0.0.1:9000", Clients: 5, DeliveriesPerSecond: 375, ServerCost: &ServerCost{CPUPerDelivery: 2000, CPU: 0.00075, BytesPerClient: 1000}},
		{Address: "127.0.0.2:9000", Clients: 5, DeliveriesPerSecond: 125, ServerCost: &ServerCost{CPUPerDelivery: 2000, CPU: 0.00025, BytesPerClient: 200}},
	} {
		got := r.Servers[i]
		if *got.ServerCost != *want.ServerCost {
			t.Errorf("server %d: cost %+v, want %+v", i, *got.ServerCost, *want.ServerCost)
		}
		if got.ServerCost, want.ServerCost = nil, nil; got != want {
			t.Errorf("server %d: %+v, want %+v", i, got, want)
		}
	}
}

// An error that has the address already is left as it is, as is that about one server.
func TestLocate(t *testing.T) {
	one, two := atServers(1, 10, 1), atServers(2, 10, 1)
	for _, test := range []struct {
		config Config
		err    error
		want   string
	}{
		{one, about(errors.New("wrong"), 1), "wrong"},
		{two, errors.New("wrong"), "wrong"},
		{two, about(errors.New("wrong"), 1), "wrong (client 1 is at 127.0.0.2:9000)"},
		{two, about(errors.New("wrong at 127.0.0.2:9000"), 1), "wrong at 127.0.0.2:9000"},
		{two, about(errors.New("wrong"), 0, 1), "wrong (client 0 is at 127.0.0.1:9000, client 1 is at 127.0.0.2:9000)"},
	} {
		if got := test.config.locate(test.err); got.Error() != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
	if two.locate(nil) != nil {
		t.Error("nothing is an error")
	}
}
