package handover

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	// Version is the version of the format that Write writes, and the newest that Decode
	// reads.
	Version = 2
	// relaying is the version from which on there are rooms that relay. Others can be read by
	// readers of the version oldest.
	relaying = 2
	oldest   = 1

	magic      = "sop-chat"
	headerSize = len(magic) + 4 + 4 + 8 + 8
)

// A metadata is the part of a file that is JSON.
type metadata struct {
	Bulk  []int  `json:"bulk"` // the sizes of the fields in bulk, in the order of their logs
	State *State `json:"state"`
}

// Write writes a state.
func Write(w io.Writer, s *State) error {
	meta := metadata{State: s}
	size := 0
	for _, log := range s.logs() {
		for _, field := range log.Bulk() {
			meta.Bulk = append(meta.Bulk, len(*field))
			size += len(*field)
		}
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return fmt.Errorf("the server's state can't be written: %w", err)
	}
	header := make([]byte, 0, headerSize)
	header = append(header, magic...)
	header = binary.LittleEndian.AppendUint32(header, Version)
	header = binary.LittleEndian.AppendUint32(header, s.readable())
	header = binary.LittleEndian.AppendUint64(header, uint64(len(text)))
	header = binary.LittleEndian.AppendUint64(header, uint64(size))
	buffered := bufio.NewWriter(w)
	buffered.Write(header)
	buffered.Write(text)
	for _, log := range s.logs() {
		for _, field := range log.Bulk() {
			buffered.Write(*field)
		}
	}
	if err := buffered.Flush(); err != nil { // which has the first error
		return fmt.Errorf("the server's state can't be written: %w", err)
	}
	return nil
}

// readable returns the oldest version whose readers understand what Write writes.
func (s *State) readable() uint32 {
	if slices.ContainsFunc(s.Rooms, func(r Room) bool { return r.Outgoing != nil }) {
		return relaying
	}
	return oldest
}

// ErrVersion is returned by Decode for a file that this program is too old, or too new, to
// read.
var ErrVersion = errors.New("the server's state is of a version that this program does not know")

// Decode returns the state in a file's bytes, to parts of which it refers. It takes memory
// in proportion to them, whatever they are. What is in a state may still be impossible:
// those that restore it find out.
func Decode(b []byte) (*State, error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("this is not the state of a server: it begins with %.16q", b[:min(len(b), len(magic))])
	}
	version, readable := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	if readable > Version || version == 0 || readable > version {
		return nil, fmt.Errorf("%w: it is of version %d, which readers of version %d can read, and this one is of version %d", ErrVersion, version, readable, Version)
	}
	textSize, bulkSize := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	rest := b[headerSize:]
	if all := uint64(len(rest)); textSize > all || bulkSize != all-textSize {
		return nil, fmt.Errorf("the server's state is damaged: behind its header, its parts are to have the sizes %d and %d, and together they have %d", textSize, bulkSize, all)
	}
	meta := metadata{}
	if err := json.Unmarshal(rest[:textSize], &meta); err != nil {
		return nil, fmt.Errorf("the server's state is damaged: %w", err)
	}
	if meta.State == nil {
		return nil, errors.New("the server's state is damaged: it is empty")
	}
	if err := meta.State.setBulk(meta.Bulk, rest[textSize:]); err != nil {
		return nil, err
	}
	return meta.State, nil
}

// setBulk sets the fields in bulk, which have some sizes.
func (s *State) setBulk(sizes []int, bulk []byte) error {
	for i := range s.Rooms {
		if s.Rooms[i].Log == nil {
			return fmt.Errorf("the server's state is damaged: the room %q has no log", s.Rooms[i].Name)
		}
	}
	for _, log := range s.logs() {
		for _, field := range log.Bulk() {
			if len(sizes) == 0 || sizes[0] < 0 || sizes[0] > len(bulk) {
				return errors.New("the server's state is damaged: messages are missing")
			}
			if sizes[0] > 0 {
				*field, bulk = bulk[:sizes[0]:sizes[0]], bulk[sizes[0]:]
			}
			sizes = sizes[1:]
		}
	}
	if len(sizes) > 0 || len(bulk) > 0 {
		return fmt.Errorf("the server's state is damaged: what is left of size %d belongs to no log", len(bulk))
	}
	return nil
}
