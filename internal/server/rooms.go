//go:build linux

package server

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// rooms are those that a server has. A client's key decides which of them it is for. What
// is done with a key that is wrong depends on nothing but its length, so it tells nothing
// about which rooms there are.
type rooms struct {
	// strangers is the log of no room, in which refusals are announced while there are
	// several: whose key is wrong is in none of them.
	strangers *broadcast.Log
	secret    [sha256.Size]byte // so that nobody can choose keys that are alike
	draining  atomic.Bool       // nobody is let in, see SetDraining
	reopening atomic.Bool       // those that come wait, see SetReopening
	current   atomic.Bool       // see SetCurrent

	mu     sync.RWMutex
	byKey  map[digest]*Room
	byName map[string]*Room
}

// A digest is a key, hashed with the rooms' secret; the first half, which is enough to tell
// as many rooms apart as there can be.
type digest [sha256.Size / 2]byte

func newRooms() *rooms {
	s := &rooms{
		strangers: broadcast.New(broadcast.SegmentSize, 0),
		byKey:     make(map[digest]*Room),
		byName:    make(map[string]*Room),
	}
	rand.Read(s.secret[:]) // never fails
	return s
}

func (s *rooms) digest(key []byte) (d digest) {
	mac := hmac.New(sha256.New, s.secret[:])
	mac.Write(key)
	copy(d[:], mac.Sum(nil))
	return d
}

// find returns the room whose key that is, or nil.
func (s *rooms) find(key []byte) *Room {
	d := s.digest(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	room, want := s.byKey[d], ""
	if room != nil {
		want = room.key
	}
	var given, expected [wire.TextSize]byte
	copy(given[:], key)
	copy(expected[:], want)
	if subtle.ConstantTimeCompare(given[:], expected[:])&subtle.ConstantTimeEq(int32(len(key)), int32(len(want))) == 0 {
		return nil
	}
	return room
}

// named returns the room with a name, or nil. The only one may have none.
func (s *rooms) named(name string) *Room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// only returns the room if there is just one, or else nil.
func (s *rooms) only() *Room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.byName) == 1 {
		for _, room := range s.byName {
			return room
		}
	}
	return nil
}

// full reports whether nobody can get in, whatever the key: there is but one room, and
// that is full.
func (s *rooms) full() bool {
	room := s.only()
	return room != nil && room.full()
}

// refusals returns the log in which refusals are announced, and what concerns all rooms.
func (s *rooms) refusals() *broadcast.Log {
	if room := s.only(); room != nil {
		return room.log
	}
	return s.strangers
}

// all returns the rooms, in the order of their names.
func (s *rooms) all() []*Room {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Room, 0, len(s.byName))
	for _, room := range s.byName {
		all = append(all, room)
	}
	slices.SortFunc(all, func(a, b *Room) int { return cmp.Compare(a.name, b.name) })
	return all
}

// canAdd returns an error if another room has a name or a key.
func (s *rooms) canAdd(name, key string) error {
	d := s.digest([]byte(key))
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.check(name, d, nil)
}

// add adds a room.
func (s *rooms) add(room *Room) error {
	d := s.digest([]byte(room.key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(room.name, d, nil); err != nil {
		return err
	}
	s.byKey[d], s.byName[room.name] = room, room
	return nil
}

// check returns an error if another room than one has a name or a key. The caller holds
// the lock.
func (s *rooms) check(name string, key digest, but *Room) error {
	if other := s.byName[name]; other != nil && other != but {
		return fmt.Errorf("there is a room %q already", name)
	}
	if other := s.byKey[key]; other != nil && other != but {
		return fmt.Errorf("the rooms %q and %q have the same key", other.name, name)
	}
	return nil
}

// changeKey gives a room another key.
func (s *rooms) changeKey(room *Room, key string) error {
	d := s.digest([]byte(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	former := s.digest([]byte(room.key))
	if s.byKey[former] != room {
		return errClosed
	}
	if err := s.check(room.name, d, room); err != nil {
		return err
	}
	delete(s.byKey, former)
	room.key, s.byKey[d] = strings.Clone(key), room
	return nil
}

var errClosed = errors.New("the room is closed")

// remove removes a room, and reports whether it was there.
func (s *rooms) remove(room *Room) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName[room.name] != room {
		return false
	}
	delete(s.byName, room.name)
	delete(s.byKey, s.digest([]byte(room.key)))
	return true
}
