package cluster

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

var update = flag.Bool("update", false, "add what is missing to the golden files")

// goldenData is the data of each kind, as this version makes it. A new kind is added here, and to
// the file by -update.
var goldenData = map[string][]byte{
	"a batch": appendMessage(appendMessage(appendHeader(nil, &batch{
		kind: kindBatch, instance: goldenInstance, counter: 300, fact: fact{70_000, 4097}, count: 2,
	}), 1, "alice", goldenMessage("alice", "hello")), 1<<40, "b\xffb", goldenMessage("b\xffb", "")),
	"a message with another name than its sender's": appendMessage(appendHeader(nil, &batch{
		kind: kindBatch, instance: goldenInstance, counter: 1, fact: fact{70_000, 4097}, count: 1,
	}), 1, "bob", goldenMessage("alice", "hello")),
	"a fact without messages":                   appendHeader(nil, &batch{kind: kindBatch, instance: goldenInstance, fact: fact{70_000, 4097}}),
	"the first of a room that a history was of": appendHeader(nil, &batch{kind: kindBatch, instance: goldenInstance, hint: 5000}),
	"a claim of a name":                         appendHeader(nil, &batch{kind: kindClaim, instance: goldenInstance}),
	"a name that is an instance's":              appendHeader(nil, &batch{kind: kindOwn, instance: goldenInstance}),
	"a name that is released":                   appendHeader(nil, &batch{kind: kindRelease, instance: goldenInstance}),
	"clients that are recalled":                 appendRecall(nil, &batch{instance: goldenInstance, fact: fact{70_000, 4097}, nonce: 1 << 63, clients: []uint64{1, 1 << 63}}),
}

var goldenInstance = instance{0: 0xab, 15: 0xcd}

// goldenSender is somebody who says something.
var goldenSender = &broadcast.Sender{Name: "alice", Addr: netip.MustParseAddrPort("127.0.0.1:1")}

func goldenMessage(name, text string) *wire.Message {
	var m wire.Message
	copy(m[:wire.NameSize], name)
	copy(m[wire.NameSize:], text)
	return &m
}

// describe says what data means, in words that stay the same when there are more kinds.
func describe(data []byte) string {
	b, err := parse(data)
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	fmt.Fprintf(&out, "kind %d of %x…%x", b.kind, b.instance[0], b.instance[15])
	for _, f := range []struct {
		name  string
		value uint64
	}{{"counter", b.counter}, {"seen", b.fact.seen}, {"number", b.fact.number}, {"hint", b.hint}, {"nonce", b.nonce}} {
		if f.value > 0 {
			fmt.Fprintf(&out, ", %s %d", f.name, f.value)
		}
	}
	for _, client := range b.clients {
		fmt.Fprintf(&out, ", client %x", client)
	}
	for rest := b.packed; len(rest) > 0; {
		var m wire.Message
		var from origin
		if from, rest, err = cutMessage(rest, m[:]); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&out, ", %d says %q as %q", from.id, m.Text(), m.Name())
		if from.name != nil {
			fmt.Fprintf(&out, ", which joined as %q", from.name)
		}
	}
	return out.String()
}

// What servers of this version have ever put into a stream is understood, and what they put
// there now is what earlier ones understand. A line of the file is a name, the data and what it
// means.
func TestGoldenStream(t *testing.T) {
	const path = "testdata/stream-1.txt"
	content, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(fields) != 3 {
			t.Fatalf("%q is no line of the file", line)
		}
		name, want := fields[0], fields[2]
		data, err := hex.DecodeString(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := describe(data); got != want {
			t.Errorf("%s is understood as %s; want %s", name, got, want)
		}
		if now, is := goldenData[name]; is && string(now) != string(data) {
			t.Errorf("%s is now\n%x, and was\n%x", name, now, data)
		}
		known[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(goldenData)) {
		switch {
		case known[name]:
		case !*update:
			t.Errorf("%s is not in %s; -update adds it", name, path)
		default:
			content = fmt.Appendf(content, "%s | %x | %s\n", name, goldenData[name], describe(goldenData[name]))
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a later version puts into a stream is left out: another version, another kind, whatever is
// in it, on any subject, also on this server's own. What is said goes on.
func TestLaterData(t *testing.T) {
	m := newModel(func() time.Time { return noon })
	a, r, here := newTestCore(t, m, "a")
	b, other, there := newTestCore(t, m, "b")
	later := appendHeader(nil, &batch{kind: 250, instance: instance{'c'}})
	another := append(slices.Clone(later), "and more"...)
	another[3] = version + 1
	var want []string
	for i, subject := range []string{"chat.lobby.b", "chat.lobby.a", "chat.lobby.c", "chat.hall.c", "chat." + serversToken + ".c", "chat.lobby.c.d"} {
		for _, data := range [][]byte{later, another, nil} {
			last, _ := m.lastOf(subject, m.last())
			if _, err := m.append(subject, last.Seq, data); err != nil {
				t.Fatal(err)
			}
		}
		there.say(goldenSender, fmt.Sprint("b", i))
		b.publish(other)
		here.say(goldenSender, fmt.Sprint("a", i))
		a.publish(r)
		for _, c := range []*core{b, a, b, a} {
			run(t, c, m)
			if err := c.tick(noon); err != nil { // tries again what was in vain because of that
				t.Fatal(err)
			}
		}
		want = append(want, fmt.Sprint("b", i), fmt.Sprint("a", i))
	}
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(here.texts)), want) || !slices.Equal(here.texts, there.texts) {
		t.Errorf("one hears %q, the other %q; want %q in one order", here.texts, there.texts, want)
	}
	if r.at.number != other.at.number {
		t.Errorf("the next number is %d at one, and %d at the other", r.at.number, other.at.number)
	}
}

// What servers say of members and bans, beside the stream.
const (
	goldenMembers = `{"start":1700000000123000000,"of":1,"rooms":[{"room":"bG9iYnk=","members":[{"id":9,"name":"Qv8=","since":1700000000123,"named":1700000000456,"client":7}]}]}`
	goldenBan     = `{"data":"d2h5","until":32503680000000}`
)

// grown returns an object of JSON with something new in it and in all those within.
func grown(object string) string {
	return strings.ReplaceAll(object, `{"`, `{"later":[{}],"`)
}

// What servers say beside the stream is what earlier versions understand, and is understood if
// a later one has added something.
func TestGoldenPeers(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	member := Member{ID: 9, Name: "B\xff", Since: at, NamedSince: time.UnixMilli(1_700_000_000_456), Client: 7}
	texts, err := new(division).cut(map[string][]Member{"lobby": {member}}, at)
	if err != nil || len(texts) != 1 || string(texts[0]) != goldenMembers {
		t.Errorf("members are %q, %v; want %s", texts, err, goldenMembers)
	}
	until := time.UnixMilli(32_503_680_000_000)
	if got, err := json.Marshal(storedBan{Data: []byte("why"), Until: until.UnixMilli()}); err != nil || string(got) != goldenBan {
		t.Errorf("a ban is %s, %v; want %s", got, err, goldenBan)
	}
	for _, grow := range []func(string) string{strings.Clone, grown} {
		v := newView(at)
		v.take("b", 0, []byte(grow(goldenMembers)), at)
		if got := v.members("lobby", at); len(got) != 1 || got[0].Server != "b" || !slices.Equal(got[0].Members, []Member{member}) {
			t.Errorf("of %s, the members are %v", grow(goldenMembers), got)
		}
		var ban Ban
		p := &Peers{config: PeersConfig{Ban: func(b Ban) { ban = b }}}
		p.ban(entryOfBan{value: grow(goldenBan)})
		if ban.Key != "2001:db8::/48" || string(ban.Data) != "why" || !ban.Until.Equal(until) || ban.Removed {
			t.Errorf("of %s, the ban is %+v", grow(goldenBan), ban)
		}
	}
}

// Servers of all versions find each other at the same subjects.
func TestGoldenNames(t *testing.T) {
	p := &Peers{n: &NATS{config: NATSConfig{Settings: Settings{Name: "chat"}}}}
	for want, got := range map[string]string{
		"chat.*.*": Subjects("chat"), "chat.=servers.a": claimSubject("chat", "a"), "chat-commands": p.subject(), "chat-alive": p.aliveSubject(),
		"Sop-From": headerFrom, "Sop-Kind": headerKind,
	} {
		if got != want {
			t.Errorf("%s has become %s", want, got)
		}
	}
}

// An entryOfBan is an entry of the bucket of bans.
type entryOfBan struct {
	jetstream.KeyValueEntry
	value string
}

func (e entryOfBan) Key() string                     { return "=GIYDAMJ2MRRDQOR2F42DQ" }
func (e entryOfBan) Value() []byte                   { return []byte(e.value) }
func (e entryOfBan) Operation() jetstream.KeyValueOp { return jetstream.KeyValuePut }
