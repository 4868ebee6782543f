package cluster

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// A Member is one of a room at some server.
type Member struct {
	ID    uint64    // of its connection, at its server
	Name  string    // any bytes
	Since time.Time // when it joined
}

// A ServerMembers is what one server has in a room.
type ServerMembers struct {
	Server  string
	Members []Member // in the order in which the server gave them
}

// How servers tell each other who is there. A server says it again each membersEvery, and what it said
// counts for membersKept.
const (
	membersEvery = 10 * time.Second
	membersKept  = 3 * membersEvery
	pieceSize    = 48 << 10 // bytes of a piece, about
	maxPieces    = 10_000
)

// A piece is a part of what a server has. The pieces of a version are complete when there are
// Of of them; until then the version before counts.
type piece struct {
	Version uint64      `json:"version"`
	Of      int         `json:"of"`
	Rooms   []pieceRoom `json:"rooms"`
}

type pieceRoom struct {
	Name    []byte        `json:"room"` // which base64 keeps as it is, whatever bytes it has
	Members []pieceMember `json:"members"`
}

type pieceMember struct {
	ID    uint64 `json:"id"`
	Name  []byte `json:"name"`
	Since int64  `json:"since"` // ms
}

// cutMembers returns what a server has in pieces of a bounded size, at least one.
func cutMembers(version uint64, rooms map[string][]Member) ([][]byte, error) {
	pieces := []piece{{Version: version}}
	size := 0
	for room, members := range rooms {
		for i, m := range members {
			last := &pieces[len(pieces)-1]
			if size > pieceSize {
				pieces = append(pieces, piece{Version: version})
				last, size = &pieces[len(pieces)-1], 0
			}
			if i == 0 || len(last.Rooms) == 0 {
				last.Rooms = append(last.Rooms, pieceRoom{Name: []byte(room)})
				size += 40 + 4*len(room)/3
			}
			r := &last.Rooms[len(last.Rooms)-1]
			r.Members = append(r.Members, pieceMember{m.ID, []byte(m.Name), m.Since.UnixMilli()})
			size += 60 + 4*len(m.Name)/3
		}
	}
	var texts [][]byte
	for i := range pieces {
		pieces[i].Of = len(pieces)
		text, err := json.Marshal(pieces[i])
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// A view is what is known of the members of all other servers. Its methods may be called by any
// number of goroutines.
type view struct {
	mu      sync.Mutex
	servers map[string]*serverView
}

type serverView struct {
	heard   time.Time // when it last said what it has
	rooms   map[string][]Member
	version uint64 // of rooms
	coming  uint64 // the version whose pieces are coming
	pieces  map[int]piece
}

// take takes a piece of a server, with its number. What is no piece is ignored.
func (v *view) take(server string, number int, text []byte, now time.Time) {
	var p piece
	if err := json.Unmarshal(text, &p); err != nil || p.Of < 1 || p.Of > maxPieces || number < 0 || number >= p.Of {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.servers == nil {
		v.servers = make(map[string]*serverView)
	}
	s := v.servers[server]
	if s == nil {
		s = &serverView{}
		v.servers[server] = s
	}
	switch {
	case p.Version == s.version:
		s.heard = now
		return
	case p.Version < s.coming || p.Version < s.version:
		return
	case p.Version > s.coming:
		s.coming, s.pieces = p.Version, make(map[int]piece)
	}
	s.pieces[number] = p
	if len(s.pieces) < p.Of {
		return
	}
	s.version, s.heard, s.rooms = p.Version, now, make(map[string][]Member)
	for i := range p.Of {
		for _, room := range s.pieces[i].Rooms {
			for _, m := range room.Members {
				s.rooms[string(room.Name)] = append(s.rooms[string(room.Name)], Member{m.ID, string(m.Name), time.UnixMilli(m.Since)})
			}
		}
	}
	s.pieces = nil
}

// current returns the servers that have been heard lately, by their names. The lock is held.
func (v *view) current(now time.Time) []string {
	var names []string
	for name, s := range v.servers {
		switch {
		case now.Sub(s.heard) < membersKept:
			names = append(names, name)
		case s.pieces == nil:
			delete(v.servers, name)
		}
	}
	slices.Sort(names)
	return names
}

func (v *view) members(room string, now time.Time) []ServerMembers {
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []ServerMembers
	for _, name := range v.current(now) {
		if members := v.servers[name].rooms[room]; len(members) > 0 {
			all = append(all, ServerMembers{name, slices.Clone(members)})
		}
	}
	return all
}

func (v *view) count(room string, now time.Time) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, name := range v.current(now) {
		n += len(v.servers[name].rooms[room])
	}
	return n
}

func (v *view) names(now time.Time) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.current(now)
}
