package history

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"sop-chat/internal/broadcast"
)

// A RoomConfig says how an Archive keeps the messages of a room.
type RoomConfig struct {
	// Kept is how many of the last messages the room's log keeps. It forgets those
	// that are too old, or were removed from the file.
	Kept int
	// Retain is how long messages are kept, in place of the archive's. 0 is as the
	// archive says, and less keeps them for good.
	Retain time.Duration
	// RetainBytes is about how many bytes of the file the messages may take; 0 is no bound
	// but the archive's.
	RetainBytes int64
}

// A Room is one of an Archive's, from when it is opened until its log is closed.
//
// Last and Follow are called once each, in this order, by one goroutine. The others may
// be called by any.
type Room struct {
	archive *Archive
	name    string
	kept    atomic.Int64 // RoomConfig.Kept
	epochs  Epochs
	next    uint64

	// These belong to whoever has the archive's file. Of one that is followed, they
	// change only while its messages are written.
	last     int64 // the number of the last message that was written
	missing  int64 // how many messages after it could not be written
	skipped  int64 // and how many were said elsewhere, see Skip
	writing  int64 // last, during a transaction
	lineage  []roomEpoch
	first    int64 // its first number in the last epoch of the file
	recorded bool  // the file has that
	age      *age  // nil: messages are kept for good

	// These are set by Follow, and belong to Run then.
	log      *broadcast.Log
	follower *broadcast.Follower
	ended    chan struct{} // closed when all is written that was said
	period   int64         // when it was active last, see activity
	inBatch  bool

	// For forget.
	head     broadcast.Position // after the last message taken from the log
	retained []retained         // what the log keeps, at least
	due      atomic.Int64       // nothing retained is too old before, see elapsed; 0: not known. Change sets it, too
}

// Room opens a room, which may be new to the file, or have been open before: its numbers
// go on. It may be called at any time until Finish. It waits for a room of that name that
// was open before: until its log, which is about to be closed, has been written to its end.
func (a *Archive) Room(name string, c RoomConfig) (*Room, error) {
	former, err := a.former(name)
	if err != nil {
		return nil, err
	}
	a.file.Lock()
	defer a.file.Unlock()
	r := a.newRoom(name)
	r.kept.Store(int64(c.Kept))
	if former != nil {
		r.last, r.missing, r.skipped = former.last, former.missing, former.skipped
		r.lineage, r.first, r.recorded = former.lineage, former.first, former.recorded
		r.epochs = former.epochs
	} else if err := r.read(); err != nil {
		return nil, explain(a.path, err)
	}
	if err := r.setRetain(c.Retain); err != nil {
		return nil, err
	}
	r.setRetainBytes(c.RetainBytes)
	r.next = uint64(r.given() + 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rooms[name] = r
	return r, nil
}

func (a *Archive) newRoom(name string) *Room {
	return &Room{archive: a, name: name, ended: make(chan struct{})}
}

// former returns the room that had the name before, if one had, when all that was said
// in it is written.
func (a *Archive) former(name string) (*Room, error) {
	a.mu.Lock()
	former := a.rooms[name]
	isFollowed := former != nil && slices.Contains(*a.followed.Load(), former)
	a.mu.Unlock()
	if isFollowed {
		select {
		case <-former.ended:
		case <-a.over:
		}
	}
	select {
	case <-a.over:
		return nil, fmt.Errorf("the history %q is not written any more", a.path)
	default:
		return former, nil
	}
}

// read reads what the file has of the room.
func (r *Room) read() error {
	a := r.archive
	s := a.store
	if s.file == nil {
		return errClosed
	}
	ctx := context.Background()
	if err := s.prepareRooms(ctx, append(a.names(), r.name)...); err != nil {
		return err
	}
	var err error
	if r.last, err = s.file.lastNumber(ctx, r.name); err != nil {
		return err
	}
	if r.lineage, err = s.readRoomEpochs(r.name); err != nil {
		return err
	}
	r.first = r.last + 1
	known, now := slices.Clip(r.lineage), a.lineage[len(a.lineage)-1].id
	if i := slices.IndexFunc(r.lineage, func(e roomEpoch) bool { return e.id == now }); i >= 0 { // it goes on, see Former
		r.first, r.recorded = r.lineage[i].first, true
	}
	if a.starts.current() != now || !r.recorded {
		known = append(known, roomEpoch{a.starts.current(), r.first})
	}
	r.epochs = Epochs{a.starts, a.starts.place(known)}
	return nil
}

// Name returns the room's name.
func (r *Room) Name() string { return r.name }

// Epochs returns the starts of the room's server, this one included.
func (r *Room) Epochs() Epochs { return r.epochs }

// Next returns the number of the first message that is said in the log.
func (r *Room) Next() uint64 { return r.next }

// Skip has the room go on with a number that is later than Next: messages were said
// meanwhile that the archive has not seen. It is called before Last and Follow.
func (r *Room) Skip(next uint64) error {
	if next < r.next {
		return fmt.Errorf("the history %q has the messages of the room %q up to %d already, and the next is to be %d", r.archive.path, r.name, r.next-1, next)
	}
	r.archive.file.Lock()
	defer r.archive.file.Unlock()
	r.skipped += int64(next - r.next)
	r.next = next
	return nil
}

// HasAt reports whether the file has a message of the room with a number that was received at
// just that time. It is called like Last.
func (r *Room) HasAt(number uint64, at time.Time) bool {
	r.archive.file.Lock()
	defer r.archive.file.Unlock()
	is := int64(number)
	found, err := r.archive.newest(Filter{Room: r.name, After: is - 1, Before: is + 1}, 1)
	return err == nil && len(found) == 1 && found[0].Number == is && found[0].Time.Equal(at)
}

// given returns the last number there ever was in the room.
func (r *Room) given() int64 { return r.last + r.missing + r.skipped }

// Last returns the messages right before Next that the log keeps, oldest first,
// without a gap between their numbers. The caller puts them into the log before
// calling Follow.
func (r *Room) Last() ([]Message, error) {
	a := r.archive
	a.file.Lock()
	defer a.file.Unlock()
	if r.last == 0 || r.given() > r.last {
		return nil, nil // there are none, or those right before Next were never written
	}
	last, err := a.newest(Filter{Room: r.name}, int(r.kept.Load()))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for i := range last {
		if last[i].Number != r.last-int64(i) || r.isTooOld(&retained{time: last[i].Time.UnixNano()}, now, elapsed()) {
			last = last[:i]
			break
		}
	}
	slices.Reverse(last)
	r.retained = make([]retained, len(last))
	for i := range last {
		r.retained[i] = retained{number: last[i].Number, time: last[i].Time.UnixNano()}
	}
	return last, nil
}

// Follow makes the archive follow the room's log from its end on. Nothing may be
// appended to the log at the same time.
func (r *Room) Follow(log *broadcast.Log) {
	a := r.archive
	r.retainLast(log)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.config.Window == 0 {
		r.follower = a.group.FollowAhead(log, r)
	} else {
		r.follower = a.group.FollowLossless(log, r)
	}
	a.followed.Store(new(append(*a.followed.Load(), r))) // first, so that setShare does not leave it out
	r.follower.Limit(int(a.share.Load()))
}

// Change changes how the room's messages are kept.
func (r *Room) Change(c RoomConfig) error {
	a := r.archive
	r.kept.Store(int64(c.Kept))
	a.file.Lock()
	defer a.file.Unlock()
	defer a.expiries.postpone(time.Now()) // to now: what is too old for the new time is removed at once
	r.setRetainBytes(c.RetainBytes)
	return r.setRetain(c.Retain)
}

// end forgets the log of a room that has been read to its end, and written.
func (a *Archive) end(r *Room) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.follower.Close()
	left := slices.Clone(*a.followed.Load())
	left = slices.DeleteFunc(left, func(other *Room) bool { return other == r })
	a.followed.Store(&left)
	r.retained = nil
	close(r.ended)
}
