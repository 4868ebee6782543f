package history

import (
	"context"
	"fmt"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// A running server may be replaced by another program, which goes on with the rooms' logs
// and with their clients. Then the file is closed in the midst of a start, and opened
// again: the epoch goes on, and so do the numbers.

// A Former is what an archive passes on to another that goes on in its file, in the same
// start of the server.
type Former struct {
	Epoch     uint64 // that the rooms' clients know as the current one
	FileEpoch uint64 // that the file has of it; another one if the file was exchanged
	// Rooms has the rooms that were open in the start, also those that are not any more.
	// Without them, a room that is opened again could give out numbers twice in the same
	// epoch, if the file is exchanged for an older one.
	Rooms map[string]FormerRoom `json:",omitempty"`
	// Starts are the epochs that the rooms know, if the file was exchanged and has others.
	Starts []uint64 `json:",omitempty"`
}

// A FormerRoom is what is passed on of a room.
type FormerRoom struct {
	Last    int64      // the number of the last message, written or not
	Skipped int64      `json:",omitempty"` // how many numbers before that are of messages that were said elsewhere
	Epochs  [][2]int64 `json:",omitempty"` // with Starts: the places there of those that the room knows, and their first numbers
}

// Former returns what another archive needs to go on in place of this one. All that was
// said has to be written before, see Flush.
func (a *Archive) Former() Former {
	a.file.Lock()
	defer a.file.Unlock()
	f := Former{Epoch: a.starts.current(), FileEpoch: a.lineage[len(a.lineage)-1].id, Rooms: make(map[string]FormerRoom, len(a.rooms))}
	if f.FileEpoch != f.Epoch {
		f.Starts = a.starts.ids
	}
	for name, r := range a.rooms {
		its := FormerRoom{Last: r.given(), Skipped: r.skipped}
		if f.Starts != nil {
			for _, e := range r.epochs.firsts {
				its.Epochs = append(its.Epochs, [2]int64{int64(e.place), e.first})
			}
		}
		f.Rooms[name] = its
	}
	return f
}

// CanContinue returns an error if this program can't go on in a file that another one is
// writing. It changes nothing.
func CanContinue(path string) error {
	f, err := openToRead(context.Background(), path)
	if err != nil {
		return err
	}
	defer f.close()
	if f.form < len(migrations) {
		return explain(path, errForm(fmt.Sprintf("has to be brought from form %d to form %d, which only a restart does", f.form, len(migrations))))
	}
	return nil
}

// Err returns an error while the file can't be written.
func (a *Archive) Err() error {
	if a.counts.failure.Load() == nil {
		return nil
	}
	return fmt.Errorf("the history %q can't be written; try again when the log says that it is", a.path)
}

// A flush is a request to write what there is.
type flush struct{ done chan error }

// Flush has Run write all that was said in the rooms before, without waiting for more. It
// returns when that is on the disk, or with an error if it can't be written, or not before
// ctx is done. Run must be running.
func (a *Archive) Flush(ctx context.Context) error {
	if err := a.Err(); err != nil {
		return err
	}
	f := &flush{make(chan error, 1)}
	a.flush.Store(f)
	defer a.flush.CompareAndSwap(f, nil)
	a.group.Interrupt()
	select {
	case err := <-f.done:
		return err
	case <-a.over:
		return fmt.Errorf("the history %q is not written any more", a.path)
	case <-ctx.Done():
		return fmt.Errorf("the history %q could not be written in time; try again when the log says that it is written", a.path)
	}
}

// flushed answers a request when all is written.
func (a *Archive) flushed(f *flush) {
	a.file.Lock()
	err := a.inspect()
	switch {
	case err != nil:
		err = explain(a.path, err)
	case a.Err() != nil:
		err = a.Err()
	case a.detached: // another archive would open something else
		err = fmt.Errorf("the history %q is not at its path any more; put it back, and try again", a.path)
	}
	a.file.Unlock()
	if a.flush.CompareAndSwap(f, nil) {
		f.done <- err
	}
}

// Continue makes the archive follow a log that another one has followed until now, see
// Config.Former. It takes the place of Last and Follow, and nothing may be appended to the
// log at the same time.
func (r *Room) Continue(log *broadcast.Log) error {
	if _, err := r.Last(); err != nil { // for what the log keeps
		return err
	}
	next := int64(log.Number(log.End()))
	absent := next - r.last - 1
	switch {
	case absent < 0:
		return fmt.Errorf("the history %q has the room %q up to number %d, and the room has only %d", r.archive.path, r.name, r.last, next-1)
	case absent > 0:
		r.retained = nil // what the log keeps is not what the file has
	}
	if most := int(log.End() / wire.Size); len(r.retained) > most {
		r.retained = r.retained[len(r.retained)-most:]
	}
	r.lack(absent, r.skipped)
	r.next = uint64(next)
	r.Follow(log)
	return nil
}

// lack says how many messages after the last one are not in the file, and how many of them
// were said elsewhere.
func (r *Room) lack(absent, skipped int64) {
	r.skipped = min(skipped, absent)
	r.missing = absent - r.skipped
}

// continueEpoch goes on in the epoch of a former archive, if the file has it, and reports
// whether it does.
func (a *Archive) continueEpoch(before []epoch) bool {
	former := a.config.Former
	if len(before) == 0 || former.Epoch == 0 || before[len(before)-1].id != former.FileEpoch {
		return false
	}
	a.lineage, a.recorded = before, true
	ids := former.Starts
	if ids == nil {
		ids = idsOf(before)
	}
	a.starts = newStarts(ids)
	return true
}

// continueRooms has the rooms that a former archive had be known as if this one had opened
// and closed them.
func (a *Archive) continueRooms() error {
	for name, its := range a.config.Former.Rooms {
		r := a.newRoom(name)
		if err := r.read(); err != nil {
			return err
		}
		r.lack(max(0, its.Last-r.last), its.Skipped)
		if its.Epochs != nil {
			r.epochs.firsts = nil
			for _, e := range its.Epochs {
				r.epochs.firsts = append(r.epochs.firsts, placed{int(e[0]), e[1]})
			}
		}
		a.rooms[name] = r
	}
	return nil
}

func idsOf(all []epoch) []uint64 {
	ids := make([]uint64, len(all))
	for i := range ids {
		ids[i] = all[i].id
	}
	return ids
}
