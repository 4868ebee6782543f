package cluster

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"
)

// A Member is one of a room at some server.
type Member struct {
	ID    uint64    // of its connection, at its server
	Name  string    // any bytes
	Since time.Time // when it joined
	// NamedSince is since when it has its name for itself; zero if others may have it, too.
	NamedSince time.Time
	// Client is a number by which other servers know it again if it comes to them; 0: there is none.
	Client uint64
}

// isSame reports whether two are the same, to the millisecond.
func (m Member) isSame(o Member) bool {
	return m.ID == o.ID && m.Name == o.Name && m.Client == o.Client &&
		m.Since.UnixMilli() == o.Since.UnixMilli() && m.NamedSince.UnixMilli() == o.NamedSince.UnixMilli()
}

// A ServerMembers is what one server has in a room.
type ServerMembers struct {
	Server  string
	Members []Member // by their IDs
}

// What a server has lies in the bucket in pieces, each under a key of its own. A member is in the
// piece of its ID. So a server that has thousands puts one piece anew when one of them comes or
// leaves. Their number is doubled or halved when they are too large or too small; until all
// pieces of the new division are there, the former one counts.
const (
	membersEvery = 10 * time.Second // how often it is looked whether the bucket is still the same
	membersKept  = 5 * time.Minute  // how long a piece stays that is not put again
	pieceSize    = 32 << 10         // bytes of a piece at most, on average
	maxPieces    = 1 << 13
)

// A piece is a part of what a server has.
type piece struct {
	Start uint64      `json:"start"` // of the division; a later one is greater
	Of    int         `json:"of"`    // how many there are
	Rooms []pieceRoom `json:"rooms"`
}

type pieceRoom struct {
	Name    []byte        `json:"room"` // which base64 keeps as it is, whatever bytes it has
	Members []pieceMember `json:"members"`
}

type pieceMember struct {
	ID     uint64 `json:"id"`
	Name   []byte `json:"name"`
	Since  int64  `json:"since"`           // ms
	Named  int64  `json:"named,omitempty"` // ms
	Client uint64 `json:"client,omitempty"`
}

func (m Member) stored() pieceMember {
	s := pieceMember{ID: m.ID, Name: []byte(m.Name), Since: m.Since.UnixMilli(), Client: m.Client}
	if !m.NamedSince.IsZero() {
		s.Named = m.NamedSince.UnixMilli()
	}
	return s
}

func (s pieceMember) member() Member {
	m := Member{ID: s.ID, Name: string(s.Name), Since: time.UnixMilli(s.Since), Client: s.Client}
	if s.Named != 0 {
		m.NamedSince = time.UnixMilli(s.Named)
	}
	return m
}

// decodePiece decodes a piece with a number. It reports false for what is none.
func decodePiece(number int, text []byte) (p piece, rooms map[string][]Member, ok bool) {
	if err := json.Unmarshal(text, &p); err != nil || p.Start == 0 || p.Of < 1 || p.Of > maxPieces || number < 0 || number >= p.Of {
		return p, nil, false
	}
	rooms = make(map[string][]Member)
	for _, room := range p.Rooms {
		name := string(room.Name)
		for _, m := range room.Members {
			rooms[name] = append(rooms[name], m.member())
		}
	}
	return p, rooms, true
}

// A division is how what this server has is divided into pieces, and what the bucket has of them.
type division struct {
	start uint64
	told  []toldPiece
	seed  maphash.Seed
}

// A toldPiece is what was put into the bucket.
type toldPiece struct {
	sum uint64    // of the text
	at  time.Time // zero: nothing was
}

// cut returns all pieces of what the server has.
func (d *division) cut(rooms map[string][]Member, now time.Time) ([][]byte, error) {
	size := 0
	for room, members := range rooms {
		size += 40 + 4*len(room)/3
		for i := range members {
			size += 120 + 4*len(members[i].Name)/3
		}
	}
	of := max(len(d.told), 1)
	for size/of > pieceSize && of < maxPieces {
		of *= 2
	}
	for size/of < pieceSize/8 && of > 1 {
		of /= 2
	}
	if of != len(d.told) {
		d.begin(of, now)
	}
	pieces := make([]piece, of)
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		members := slices.Clone(rooms[room])
		slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
		for _, m := range members {
			p := &pieces[m.ID%uint64(of)]
			if last := len(p.Rooms) - 1; last < 0 || string(p.Rooms[last].Name) != room {
				p.Rooms = append(p.Rooms, pieceRoom{Name: []byte(room)})
			}
			r := &p.Rooms[len(p.Rooms)-1]
			r.Members = append(r.Members, m.stored())
		}
	}
	texts := make([][]byte, of)
	for i := range pieces {
		pieces[i].Start, pieces[i].Of = d.start, of
		var err error
		if texts[i], err = json.Marshal(pieces[i]); err != nil {
			return nil, fmt.Errorf("who is here: %w", err)
		}
	}
	return texts, nil
}

// begin begins another division, later than the one before.
func (d *division) begin(of int, now time.Time) {
	d.start = max(d.start+1, uint64(now.UnixNano()))
	d.told = make([]toldPiece, of)
}

// forget has all be put anew.
func (d *division) forget() { clear(d.told) }

// isDue reports whether a piece has to be put.
func (d *division) isDue(i int, text []byte, now time.Time) bool {
	t := d.told[i]
	return t.at.IsZero() || now.Sub(t.at) >= membersKept/3 || maphash.Bytes(d.seed, text) != t.sum
}

// put notes that a piece was put.
func (d *division) put(i int, text []byte, now time.Time) {
	d.told[i] = toldPiece{maphash.Bytes(d.seed, text), now}
}
