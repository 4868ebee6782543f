package command

import (
	"strings"
	"testing"
	"time"

	"sop-chat/internal/rooms"
)

// A rate is a number of messages in a second or a minute, and has a burst that fits it
// unless another is given.
func TestRate(t *testing.T) {
	for _, test := range []struct {
		args  []string
		want  rooms.Rate
		burst int
	}{
		{[]string{"--rate", "5/s"}, rooms.Rate{Messages: 5, Per: time.Second}, 25},
		{[]string{"--rate", "1/s"}, rooms.Rate{Messages: 1, Per: time.Second}, 5},
		{[]string{"--rate", "1000000/s"}, rooms.Rate{Messages: 1_000_000, Per: time.Second}, 5_000_000},
		{[]string{"--rate", "6/m"}, rooms.Rate{Messages: 6, Per: time.Minute}, 5},
		{[]string{"--rate", "600/m"}, rooms.Rate{Messages: 600, Per: time.Minute}, 50},
		{[]string{"--rate", "5/s", "--rate-burst", "20"}, rooms.Rate{Messages: 5, Per: time.Second}, 20},
		{[]string{"--rate", "5/s", "--rate-burst", "1"}, rooms.Rate{Messages: 5, Per: time.Second}, 1},
	} {
		o := options(t, process(append(test.args, "9000", "key")))
		room := o.allRooms()[0]
		if room.Rate != test.want || burstOf(room) != test.burst {
			t.Errorf("%q: %+v with a burst of %d, want %+v with %d", test.args, room.Rate, burstOf(room), test.want, test.burst)
		}
	}
	if o := options(t, process([]string{"9000", "key"})); o.allRooms()[0].Rate != (rooms.Rate{}) {
		t.Errorf("without --rate there is one: %+v", o.rate)
	}
}

// A rate that is none is wrong usage, with the value and what a rate is.
func TestWrongRate(t *testing.T) {
	for _, text := range []string{"5", "/s", "5/", "5/h", "5/S", "0/s", "-5/s", "1.5/s", "5/s/s", "5 / s", "5/m", "1000001/s", "99999999999999999999/s", "many"} {
		status, _, stderr := result(t, process([]string{"--rate=" + text, "9000", "key"}))
		if want := `"` + text + `" is not a rate from 6/m to 1000000/s, such as 5/s or 30/m`; status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%q: status %d: %s", text, status, stderr)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--rate=5/s", "--rate-burst=0"}, `"0" is not a whole number from 1 to 1000000, or auto`},
		{[]string{"--rate-burst=20"}, "--rate-burst is about --rate, and without that there is no limit"},
	} {
		status, _, stderr := result(t, process(append(test.args, "9000", "key")))
		if status != 2 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: status %d: %s", test.args, status, stderr)
		}
	}
}

// A room of a file has a rate of its own, or what the flags say.
func TestRatesOfRooms(t *testing.T) {
	file := roomsFile(t, `
[[room]]
name = "as the flags say"
key = "1"

[[room]]
name = "its own"
key = "2"
rate = "30/m"
rate-burst = 3

[[room]]
name = "another rate"
key = "3"
rate = "2/s"

[[room]]
name = "none"
key = "4"
rate = ""
`)
	for _, test := range []struct {
		args   []string
		rates  []rooms.Rate
		bursts []int // of those with a rate
	}{
		{
			[]string{"--rate", "5/s"},
			[]rooms.Rate{{Messages: 5, Per: time.Second}, {Messages: 30, Per: time.Minute}, {Messages: 2, Per: time.Second}, {}},
			[]int{25, 3, 10},
		},
		{
			[]string{"--rate-burst", "7"},
			[]rooms.Rate{{}, {Messages: 30, Per: time.Minute}, {Messages: 2, Per: time.Second}, {}},
			[]int{3, 7},
		},
	} {
		o := options(t, process(append(test.args, "--rooms", file, "9000")))
		var bursts []int
		for i, room := range o.rooms {
			if room.Rate != test.rates[i] {
				t.Errorf("%q: room %q has the rate %+v, want %+v", test.args, room.Name, room.Rate, test.rates[i])
			}
			if room.Rate.Messages > 0 {
				bursts = append(bursts, burstOf(room))
			}
		}
		if len(bursts) != len(test.bursts) {
			t.Fatalf("%q: the bursts are %d, want %d", test.args, bursts, test.bursts)
		}
		for i, burst := range bursts {
			if burst != test.bursts[i] {
				t.Errorf("%q: the bursts are %d, want %d", test.args, bursts, test.bursts)
			}
		}
	}
}
