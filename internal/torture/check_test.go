package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// parse returns a history in a short form. Capital letters are numbered clients, digits are
// browsers, others are neither; all are in one room. There are these events:
//
//	a+1 P+1:4,7    a joins server 1; P does, is told that it has 4, and begins with 7
//	a!2            a sends its message 2
//	a<b2 P<b2#7    a receives b's message 2; P does as number 7
//	P=2#8 1=2      P's own message 2 is acknowledged as number 8; 1 shows where its own is
//	a? a-          a receives what nobody sent; its connection ends
//	x1             server 1 is killed
func parse(t *testing.T, text string) *History {
	t.Helper()
	h, index := new(History), make(map[byte]int32)
	client := func(name byte) int32 {
		if _, known := index[name]; !known {
			index[name] = int32(len(h.Clients))
			h.Clients = append(h.Clients, Client{Name: string(name), Room: "main", Numbered: 'A' <= name && name <= 'Z', Browser: name <= '9'})
		}
		return index[name]
	}
	for word := range strings.FieldsSeq(text) {
		var e Event
		var err error
		if word[0] == 'x' {
			e.Kind = Killed
			_, err = fmt.Sscanf(word, "x%d", &e.Server)
			if err != nil {
				t.Fatal(word, err)
			}
			h.Events = append(h.Events, e)
			continue
		}
		e.Client = client(word[0])
		isNumbered := h.Clients[e.Client].Numbered
		var other byte
		switch rest := word[2:]; word[1] {
		case '+':
			e.Kind = Joined
			if _, err = fmt.Sscanf(rest, "%d", &e.Server); isNumbered {
				e.Epoch = 1
				_, err = fmt.Sscanf(rest, "%d:%d,%d", &e.Server, &e.Number, &e.First)
			}
		case '!':
			e.Kind, e.Message.Client = Sent, e.Client
			_, err = fmt.Sscanf(rest, "%d", &e.Message.Count)
		case '<':
			e.Kind = Received
			if _, err = fmt.Sscanf(rest, "%c%d", &other, &e.Message.Count); isNumbered {
				_, err = fmt.Sscanf(rest, "%c%d#%d", &other, &e.Message.Count, &e.Number)
			}
			e.Message.Client = client(other)
		case '=':
			e.Kind, e.Message.Client = Acknowledged, e.Client
			if _, err = fmt.Sscanf(rest, "%d", &e.Message.Count); isNumbered {
				_, err = fmt.Sscanf(rest, "%d#%d", &e.Message.Count, &e.Number)
			}
		case '?':
			e.Kind = Invented
		case '-':
			e.Kind = Left
		default:
			err = fmt.Errorf("there is no event %c", word[1])
		}
		if err != nil {
			t.Fatal(word, err)
		}
		h.Events = append(h.Events, e)
	}
	return h
}

// What may happen is no fault.
func TestGoodHistories(t *testing.T) {
	for name, text := range map[string]string{
		"two talk":                               `a+1 b+2 a!0 b<a0 b!0 a<b0`,
		"one talks to itself":                    `P+1:0,1 P!0 P=0#1`,
		"numbers":                                `P+1:0,1 a+2 a!0 P!0 P<a0#1 a<P0 P=0#2`,
		"the last is lost with its server":       `a+1 P+2:0,1 a!0 a!1 P<a0#1 x1 a-`,
		"sent to a server that was killed":       `a+1 P+2:0,1 x1 a!0 a-`,
		"killed later":                           `a+1 P+2:0,1 a!0 x1 a-`,
		"came later":                             `a+1 b+2 a!0 b<a0 c+1 a!1 c<a1 b<a1`,
		"came late to a server that is behind":   `a+1 b+2 a!0 b<a0 c+1 c<a0`,
		"left early":                             `a+1 b+2 c+1 a!0 b<a0 b- a!1 c<a0 c<a1`,
		"came again, to one that is behind":      `a+1 b+2 c+1 a!0 b<a0 b- b+3 b<a0 c<a0`,
		"was away":                               `a+1 b+2 c+1 a!0 b<a0 b- a!1 c<a0 c<a1 b+3 a!2 b<a2 c<a2`,
		"was away, and got the rest":             `a+1 P+2:0,1 c+1 a!0 P<a0#1 P- a!1 c<a0 c<a1 P+3:1,2 P<a1#2`,
		"unacknowledged and not there":           `a+1 P+2:0,1 P!0 x2 P- P+1:0,1 P!0 P=0#1 a<P0`,
		"unacknowledged and there":               `a+1 P+2:0,1 P!0 x2 P- P+1:0,1 P<P0#1 a<P0`,
		"its own over a later connection":        `a+1 b+2 P+2:0,1 a!0 a- a+2 a<a0 b<a0 P<a0#1`,
		"numbered and away at the end":           `P+1:0,1 P!0 P-`,
		"two at once, in the one order":          `a+1 b+2 P+3:0,1 Q+1:0,1 a!0 b!0 P<b0#1 a<b0 Q<b0#1 b<a0 P<a0#2 Q<a0#2`,
		"two visits overlap in the order":        `a+1 b+2 c+1 d+2 P+3:0,1 a!0 a!1 a!2 b<a0 b- c<a0 c<a1 c<a2 b+1 d<a0 d<a1 d<a2 P<a0#1 P<a1#2 P<a2#3`,
		"chains that nobody saw both of":         `a+1 b+1 a!0 b<a0 a!1 b<a1 b- c+1 d+2 a- d!0 c<d0`,
		"a browser":                              `a+1 1+0 a!0 1!0 1!1 1<a0 1=0 1=1 a<10 a<11`,
		"a browser among others":                 `a+1 P+2:0,1 1+0 1!0 a!0 a- P<10#1 P<a0#2 1=0 a+2 a<a0 1<a0`,
		"the first had been said before it came": `Z+1:0,1 a+1 a!0 Z<a0#1 P+1:0,2 a!1 P<a1#2 Z<a1#2`,
	} {
		if faults := Check(parse(t, text)); len(faults) > 0 {
			t.Errorf("%s: %s\n%v", name, text, faults)
		}
	}
}

// Each kind of fault is found, by itself.
func TestBadHistories(t *testing.T) {
	for _, test := range []struct {
		text string
		want []Class
	}{
		{`a+1 b+2 a!0`, []Class{Lost}},
		{`a+1 b+2 a!0 a-`, []Class{Lost}},
		{`a+1 b+2 a!0 x2 b- b+1`, []Class{Lost}},                 // it was another server
		{`a+1 b+2 x1 a- a+1 a!0`, []Class{Lost}},                 // it was before
		{`a+1 b+2 a!0 a!1 b<a1 x1 a-`, []Class{Lost}},            // what was behind it is not
		{`a+1 P+2:0,1 P!0 x2 P- P+1:0,1 a<P0`, []Class{Missing}}, // never acknowledged
		{`a+1 1+0 1!0 x2`, []Class{Lost}},                        // never sent again
		{`a+1 1+0 1!0 a<10`, []Class{Missing}},                   // never shown in its place
		{`a+1 b+1 1+0 a!0 b<a0`, []Class{Missing}},
		{`a+1 1+0 a!0 1<a0 1<a0`, []Class{Doubled}},
		{`a+1 1+0 1!0 a<10 1=0 1<10`, []Class{Own, Doubled}},
		{`a+1 1+0 1!0 1!1 1=0 1=1 a<11 a<10`, []Class{Disorder}},
		{`a+1 P+2:0,1 P!0 x2 P- P+1:0,1`, []Class{Lost}},            // never sent again
		{`a+1 b+2 c+1 a!0 b<a0`, []Class{Missing}},                  // by c, that is there
		{`a+1 b+2 c+1 a!0 a!1 b<a0 b<a1 c<a1 c-`, []Class{Missing}}, // by c, before what it got
		{`a+1 b+2 c+1 a!0 a!1 b<a0 b<a1 c<a0`, []Class{Missing}},    // by c, behind what it got
		{`a+1 b+2 a!0 a!1 b<a0 b<a1 c+1 c<a0`, []Class{Missing}},    // by c, which came late to a server that was behind
		{`a+1 b+2 a!0 b<a0 b- b+1 c+2 a!1 a!2 c<a1 c<a2 b<a2`, []Class{Missing}},
		{`a+1 b+2 a!0 b<a0 b<a0`, []Class{Doubled}},
		{`a+1 P+2:0,1 a!0 P<a0#1 P<a0#2`, []Class{Doubled}},
		{`P+2:0,1 P!0 P=0#1 P- P+1:1,2 P<P0#2`, []Class{Doubled}},
		{`a+1 P+1:0,1 Q+2:0,1 a!0 P<a0#1 b+1 b!0 P<b0#2 Q<b0#1 Q<a0#2 a<b0`, []Class{Numbers, Doubled, Numbers, Doubled}},
		{`a+1 P+2:0,1 P!0 P- P+1:0,1 P!0 P=0#1 a<P0 P<P0#2 a<P0`, []Class{SentTwice}},
		{`a+1 b+2 a!0 a<a0 b<a0`, []Class{Own}},
		{`a+1 b+2 P+1:0,1 P!0 P<P0#1 a<P0 b<P0`, []Class{Own}},
		{`a+1 b+2 c+1 d+1 a!0 b!0 c<a0 c<b0 d<b0 d<a0 a<b0 b<a0`, []Class{Disorder}},
		{`a+1 b+2 a!0 a!1 b<a1 b<a0`, []Class{Disorder}},                                                           // not as it was sent
		{`a+1 b+2 c+1 a!0 b<a0 b!0 c<b0 a<b0 c<a0`, []Class{Disorder}},                                             // the answer before the question
		{`a+1 b+2 c+3 d+1 e+1 f+1 a!0 b!0 c!0 d<a0 d<b0 d- e<b0 e<c0 e- f<c0 f<a0 f- a- b- c-`, []Class{Disorder}}, // no two disagree
		{`a+1 b+2 c+1 P+1:0,1 a!0 P<a0#1 P- Q+1:1,2 b!0 Q<b0#2 c<b0 c<a0 a<b0 b<a0`, []Class{Disorder}},            // not as numbered
		{`a+1 b+2 c+1 d+1 a!0 b!0 c<a0 c<b0 d<b0 d<a0 a<b0 b<a0 a!1 b<a1 c<a1`, []Class{Disorder, Missing}},
		{`a+1 P+1:0,1 a!0 P<a0#2`, []Class{Numbers}},
		{`a+1 P+1:0,1 a!0 a!1 P<a0#1 P<a1#1`, []Class{Numbers, Numbers}},
		{`a+1 P+1:0,1 Q+2:0,2 a!0 P<a0#1 Q<a0#2`, []Class{Doubled}},
		{`a+1 P+1:0,1 a!0 P<a0#1 P- P+2:0,1`, []Class{Forgotten}},
		{`a+1 P+1:0,1 a!0 P<a0#1 P- P+2:0,1 P<a0#1`, []Class{Forgotten, Doubled}},
		{`a+1 P+1:0,1 Q+1:0,1 a!0 Q<a0#1 P- a!1 Q<a1#2 P+2:0,2 P<a1#2`, []Class{Missing, Missing}}, // not kept
		{`a+1 a?`, []Class{Foreign}},
		{`a+1 b+1 b<a0`, []Class{Foreign}},
	} {
		var got []Class
		faults := Check(parse(t, test.text))
		for _, f := range faults {
			got = append(got, f.Class)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s\n got %v\nwant %v", test.text, faults, test.want)
		}
	}
}

// Another epoch, and a message of another room, are faults; they have no short form.
func TestOtherRoomsAndEpochs(t *testing.T) {
	h := parse(t, `a+1 P+1:0,1 b+1 a!0 P<a0#1 b<a0 P- P+1:0,1`)
	h.Events[len(h.Events)-1].Epoch = 2
	if faults := Check(h); len(faults) != 2 || faults[0].Class != Forgotten || faults[1].Class != Numbers {
		t.Error(faults)
	}
	h = parse(t, `a+1 b+1 c+1 a!0 b<a0 c<a0`)
	h.Clients[2].Room = "other"
	if faults := Check(h); len(faults) != 1 || faults[0].Class != Foreign || faults[0].Room != "other" {
		t.Error(faults)
	}
}

// A chat without faults has none found, and any single change to what a client
// received is found: each room has a client that was there throughout.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		h := chat(random)
		if faults := Check(h); len(faults) > 0 {
			t.Fatalf("seed %d: %v", seed, faults)
		}
		name := spoil(random, h)
		if name != "" && len(Check(h)) == 0 {
			t.Fatalf("seed %d: %s is not found", seed, name)
		}
	}
}

// chat returns the history of a room without faults. Client 0 is there throughout; some
// are numbered, some are browsers, which stay.
func chat(random *rand.Rand) *History {
	type state struct {
		cursor, sent int
		isIn         bool
		visit        int
	}
	type said struct {
		Message
		visit int
	}
	h := &History{Clients: make([]Client, 2+random.IntN(4))}
	clients := make([]state, len(h.Clients))
	for i := range h.Clients {
		h.Clients[i] = Client{Name: fmt.Sprint("c", i), Room: "main", Numbered: i == 0 || random.IntN(2) == 0}
		h.Clients[i].Browser = !h.Clients[i].Numbered && random.IntN(2) == 0
	}
	var log []said
	add := func(e Event) { h.Events = append(h.Events, e) }
	receive := func(i int) {
		c := &clients[i]
		m := log[c.cursor]
		c.cursor++
		e := Event{Kind: Received, Client: int32(i), Message: m.Message, Number: uint64(c.cursor)}
		isOwn := int(m.Client) == i && m.visit == c.visit
		switch isAcknowledged := h.Clients[i].isAcknowledged(); {
		case isOwn && !isAcknowledged:
			return
		case isOwn:
			e.Kind = Acknowledged
		}
		if !h.Clients[i].Numbered {
			e.Number = 0
		}
		add(e)
	}
	for step := range 60 {
		i := random.IntN(len(clients))
		if step == 0 {
			i = 0
		}
		c := &clients[i]
		switch {
		case !c.isIn:
			e := Event{Kind: Joined, Client: int32(i), Server: 1}
			if first := c.visit == 0; first || !h.Clients[i].Numbered {
				c.cursor = max(0, len(log)-random.IntN(3))
			}
			if h.Clients[i].Numbered {
				e.Epoch, e.Number, e.First = 1, uint64(c.cursor), uint64(c.cursor)+1
			}
			c.isIn = true
			c.visit++
			add(e)
		case random.IntN(3) == 0:
			m := Message{int32(i), int32(c.sent)}
			c.sent++
			add(Event{Kind: Sent, Client: int32(i), Message: m})
			log = append(log, said{m, c.visit})
		case i > 0 && !h.Clients[i].Browser && random.IntN(8) == 0:
			c.isIn = false
			add(Event{Kind: Left, Client: int32(i)})
		case c.cursor < len(log):
			receive(i)
		}
	}
	for i := range clients {
		for clients[i].isIn && clients[i].cursor < len(log) {
			receive(i)
		}
	}
	return h
}

// spoil changes what a client received, and returns how; "" if it could not.
func spoil(random *rand.Rand, h *History) string {
	var received []int // events of clients in the room at the end, which were always there
	left := make(map[int32]int)
	for i, e := range h.Events {
		if e.Kind == Left {
			left[e.Client] = i
		}
	}
	has := make(map[int32]bool) // something; without its first message it would only have come later
	for i, e := range h.Events {
		if _, hasLeft := left[e.Client]; e.Kind == Received && !hasLeft {
			if has[e.Client] {
				received = append(received, i)
			}
			has[e.Client] = true
		}
	}
	if len(received) == 0 {
		return ""
	}
	at := received[random.IntN(len(received))]
	e := h.Events[at]
	switch random.IntN(4) {
	case 0:
		h.Events = slices.Delete(h.Events, at, at+1)
		return fmt.Sprintf("a message that was left out: %v", e)
	case 1:
		h.Events = append(h.Events, e)
		return fmt.Sprintf("a message that came twice: %v", e)
	case 2:
		for other := at + 1; other < len(h.Events); other++ {
			if f := h.Events[other]; f.Client == e.Client && e.Client != 0 && f.Kind == Received { // 0 may be the only one
				h.Events[at].Message, h.Events[other].Message = f.Message, e.Message
				return fmt.Sprintf("two that changed places: %v, %v", e, f)
			}
		}
		return ""
	}
	h.Events[at].Message.Count += 1000
	return fmt.Sprintf("a message that was never sent: %v", e)
}
