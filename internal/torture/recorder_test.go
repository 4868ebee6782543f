//go:build linux

package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"sop-chat/internal/wire"
)

// A recorder writes down what clients do and see.
type recorder struct {
	mu      sync.Mutex
	history History
	isOver  bool
	awaited map[Message]map[int32]bool // the clients that have not seen it yet
	joined  map[int32]bool             // the clients that have joined at some time
	sent    map[Message]time.Time
	delays  []time.Duration // from sending a message to receiving it
}

func newRecorder() *recorder {
	return &recorder{awaited: make(map[Message]map[int32]bool), joined: make(map[int32]bool), sent: make(map[Message]time.Time)}
}

// client adds a client.
func (r *recorder) client(c Client) int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Clients = append(r.history.Clients, c)
	return int32(len(r.history.Clients) - 1)
}

func (r *recorder) add(e Event) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOver {
		return
	}
	r.history.Events = append(r.history.Events, e)
	switch e.Kind {
	case Joined:
		r.joined[e.Client] = true
	case Sent:
		if _, again := r.sent[e.Message]; !again {
			r.sent[e.Message] = now
		}
	case Received:
		r.delays = append(r.delays, now.Sub(r.sent[e.Message]))
	}
	if clients := r.awaited[e.Message]; e.Kind == Received || e.Kind == Acknowledged {
		delete(clients, e.Client)
	}
}

// await has the recorder know which clients have yet to see a message.
func (r *recorder) await(m Message, clients []int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.awaited[m] = make(map[int32]bool)
	for _, c := range clients {
		r.awaited[m][c] = true
	}
}

// forget awaits nothing any more.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.awaited)
}

// missing returns what is awaited in vain so far.
func (r *recorder) missing() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m, clients := range r.awaited {
		for c := range clients {
			list = append(list, fmt.Sprintf("%s waits for %v", r.history.Clients[c].Name, m))
		}
	}
	return list
}

// finish returns the history. Nothing is added to it any more.
func (r *recorder) finish() *History {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.isOver = true
	return &r.history
}

// said returns how many messages were sent.
func (r *recorder) said() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sent)
}

// summary says how much was said, and how long it took to arrive.
func (r *recorder) summary() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var joined, killed int
	for _, e := range r.history.Events {
		switch e.Kind {
		case Joined:
			joined++
		case Killed:
			killed++
		}
	}
	slices.Sort(r.delays)
	at := func(share float64) time.Duration {
		if len(r.delays) == 0 {
			return 0
		}
		return r.delays[int(share*float64(len(r.delays)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%d messages, %d deliveries, %d connections, %d servers killed; delay %v (50 %%), %v (99 %%), %v (all)",
		len(r.sent), len(r.delays), joined, killed, at(0.5), at(0.99), at(1))
}

// encode returns the bytes of a message, which say which one it is. No two have the
// same padding, and some have bytes behind the end of their text.
func encode(m Message) (b wire.Message) {
	copy(b[:wire.NameSize], nameOf(m.Client))
	random := rand.New(rand.NewPCG(uint64(m.Client), uint64(m.Count)))
	text := fmt.Appendf(nil, "%d/%d ", m.Client, m.Count)
	for range random.IntN(wire.TextSize - len(text)) {
		text = append(text, byte(random.IntN(256)))
	}
	copy(b[wire.NameSize:], text)
	return b
}

// nameOf returns the name that a client has in its messages.
func nameOf(client int32) string { return fmt.Sprint("client ", client) }

// typed returns the text of a message of a browser, where all characters can be typed.
func typed(m Message) string {
	words := [...]string{"and", "the", "café", "über", "漢字", "привет", "🙂", "x", "0", "(so)", "it's", "a\nb", "<b>", "&amp;", "100%"}
	random := rand.New(rand.NewPCG(uint64(m.Client), uint64(m.Count)))
	text := fmt.Sprintf("%d/%d .", m.Client, m.Count)
	for range random.IntN(50) {
		text += " " + words[random.IntN(len(words))]
	}
	return text
}

// encodeTyped returns the bytes of a message of a browser.
func encodeTyped(m Message) (b wire.Message) {
	copy(b[:wire.NameSize], nameOf(m.Client))
	copy(b[wire.NameSize:], typed(m))
	return b
}

// decode returns which message the bytes are, if a client can have sent them.
func decode(b []byte) (m Message, ok bool) {
	if m, ok = parseMessage(string(b[wire.NameSize:])); !ok {
		return m, false
	}
	return m, wire.Message(b) == encode(m) || wire.Message(b) == encodeTyped(m)
}

// parseMessage returns the message of which a text is the first word.
func parseMessage(text string) (m Message, ok bool) {
	word, _, _ := strings.Cut(text, " ")
	n, err := fmt.Sscanf(word, "%d/%d", &m.Client, &m.Count)
	return m, n == 2 && err == nil
}
