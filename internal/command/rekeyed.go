package command

import (
	"sync"

	"sop-chat/internal/rooms"
)

// rekeyedRooms are the keys that operators have given to rooms since the file of the rooms
// was read, or else since the server started. A nil one has none, and notes none.
type rekeyedRooms struct {
	mu   sync.Mutex // held while keys are changed, by an operator or the file
	keys map[string]string
}

// rekey calls set, which gives a room another key, and notes that unless it fails.
func (k *rekeyedRooms) rekey(room, key string, set func() error) error {
	if k == nil {
		return set()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := set(); err != nil {
		return err
	}
	if k.keys == nil {
		k.keys = make(map[string]string)
	}
	k.keys[room] = key
	return nil
}

// begin gives rooms the keys that they have by now, and keeps operators from changing keys
// until done is called.
func (k *rekeyedRooms) begin(all []rooms.Room) (done func()) {
	if k == nil {
		return func() {}
	}
	k.mu.Lock()
	for i := range all {
		if key, is := k.keys[all[i].Name]; is {
			all[i].Key = key
		}
	}
	k.keys = nil
	return k.mu.Unlock
}

// A rekeyedRoom is what an upgrade passes on of a room with a key of an operator.
type rekeyedRoom struct {
	Room    string `json:"room"`
	Key     string `json:"key"`
	Instead string `json:"instead"` // the key that the options or the file had
}

// hold returns the rooms that have keys of operators, and keeps operators from changing keys
// until done is called.
func (k *rekeyedRooms) hold(configured func(room string) (key string)) (all []rekeyedRoom, done func()) {
	k.mu.Lock()
	for room, key := range k.keys {
		all = append(all, rekeyedRoom{room, key, configured(room)})
	}
	return all, k.mu.Unlock
}
