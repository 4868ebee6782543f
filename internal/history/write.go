package history

import (
	"context"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// write writes the batch in one transaction.
func (a *Archive) write() error {
	a.file.Lock()
	defer a.file.Unlock()
	if err := a.inspectIfDue(); err != nil {
		return err
	}
	began := time.Now()
	var sequence int64
	err := a.store.file.transact(func() (err error) {
		sequence, err = a.writeParts()
		return err
	})
	if err != nil {
		return err
	}
	a.sequence, a.walPending, a.recorded = sequence, true, true
	for _, r := range a.batch.rooms {
		if r.last = r.writing; !r.recorded {
			r.lineage, r.recorded = append(r.lineage, r.current()), true
		}
	}
	messages, took := a.batch.messages(), time.Since(began)
	a.pace.measure(messages, took)
	a.counts.add(messages, took)
	return nil
}

// writeParts is the transaction of write. It returns the sequence of the last message.
func (a *Archive) writeParts() (sequence int64, err error) {
	s := a.store
	sequence = a.sequence
	if !a.recorded {
		if err := s.putEpochs(a.lineage); err != nil {
			return 0, err
		}
	}
	for _, r := range a.batch.rooms {
		r.writing = r.given()
		sequence += r.writing - r.last // so that it remains the number in a file with one room
	}
	for part := range a.batch.parts {
		p := &a.batch.parts[part]
		r := p.room
		p.first = r.writing + 1
		for i := range p.entries {
			e := &p.entries[i]
			sequence++
			r.writing++
			if err := s.put(sequence, r.writing, e.Time, r.name, e.From, &e.Message); err != nil {
				return 0, err
			}
			a.progress.Add(1)
		}
	}
	for _, r := range a.batch.rooms {
		if err := s.putRoom(r.name, r.writing); err != nil {
			return 0, err
		}
		if !r.recorded {
			if err := s.putRoomEpoch(r.name, r.current()); err != nil {
				return 0, err
			}
		}
	}
	for first := a.sequence + 1; first <= sequence; first += indexStep {
		if err := s.index(first, min(first+indexStep-1, sequence)); err != nil {
			return 0, err
		}
		a.progress.Add(1)
	}
	return sequence, nil
}

// current returns the last epoch of the file, as the room knows it.
func (r *Room) current() roomEpoch {
	lineage := r.archive.lineage
	return roomEpoch{lineage[len(lineage)-1].id, r.first}
}

// indexStep is how many messages are indexed in one statement, after which the watchdog
// sees that it goes on.
const indexStep = 128

// put inserts a message.
func (s *store) put(sequence, number int64, at time.Time, room string, from *broadcast.Sender, m *wire.Message) error {
	address := ""
	if from.Addr.IsValid() {
		address = from.Addr.String()
	}
	_, err := s.insert.ExecContext(context.Background(), sequence, sequence-number, at.UnixNano(), room,
		kept(m[:wire.NameSize]), []byte(from.Name), address, kept(m[wire.NameSize:]))
	return err
}

// index indexes the words of the messages between two sequences, which must not be
// indexed yet.
func (s *store) index(first, last int64) error {
	_, err := s.file.exec("INSERT INTO search (rowid, words) SELECT sequence, "+termsOf+"(text) FROM message WHERE sequence BETWEEN ? AND ?", first, last)
	return err
}

const (
	// retryInterval is how long to wait before writing again after an error, and
	// lockRetryInterval if another program keeps the file locked.
	retryInterval     = time.Second
	lockRetryInterval = 20 * time.Millisecond
	// maxLockWait is how long another program may keep the file locked before
	// that counts as a failure. Prune locks it in many short transactions.
	maxLockWait = time.Second
)

// keep writes the batch, and tries again until it succeeds. If a room would have to wait
// for that, its messages are left out; if the server ends, keep gives up after a timeout.
func (a *Archive) keep(ctx context.Context) error {
	if a.batch.isEmpty() {
		return nil
	}
	w := a.newWatchdog(ctx)
	defer w.stop()
	for began := time.Now(); !a.batch.isEmpty(); {
		err, ended := w.do(a.write)
		if !ended {
			return a.giveUp(w)
		}
		if err == nil {
			a.written(w)
			return nil
		}
		a.setShare(0)
		wait := lockRetryInterval
		if !isBusy(err) || time.Since(began) > maxLockWait {
			a.failed(err)
		}
		if !isBusy(err) {
			wait = retryInterval
		}
		if again, over := w.pause(wait); over {
			return a.giveUp(w)
		} else if !again {
			a.leaveOut(w)
		}
	}
	w.record()
	return nil
}

// written is called when the batch was written.
func (a *Archive) written(w *watchdog) {
	a.counts.succeed()
	a.counts.taken.Store(0)
	missing := w.all()
	if a.failing {
		missing += a.missing()
	}
	for _, p := range a.batch.parts {
		p.room.missing, p.room.skipped = 0, 0
		p.room.retain(p.entries, p.first, 0)
	}
	w.record()
	a.limit()
	if a.config.Window == 0 {
		for _, p := range a.batch.parts {
			p.room.follower.Publish()
		}
	}
	a.recovered(missing)
}

// missing returns how many messages are missing at the ends of the rooms.
func (a *Archive) missing() (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rooms {
		n += r.missing
	}
	return n
}

// leaveOut leaves out the oldest messages that were not written of the rooms that are
// held: those of the batch, or else some that are in the log.
func (a *Archive) leaveOut(w *watchdog) {
	for _, r := range *a.followed.Load() {
		if !a.mustLeaveOut(r) {
			continue
		}
		for _, p := range a.batch.parts {
			if p.room == r {
				r.missing += int64(len(p.entries))
				a.counts.missing.Add(uint64(len(p.entries)))
				r.retain(p.entries, 0, 0)
			}
		}
		if a.batch.drop(r) == 0 {
			w.leaveOut(r)
		}
		a.counts.taken.Store(int64(a.batch.messages()))
		r.leaveOut(w.leftOut[r])
		delete(w.leftOut, r)
	}
}

// leaveOut records that messages after those before were left out.
func (r *Room) leaveOut(messages int64) {
	r.missing += messages
	r.archive.counts.missing.Add(uint64(messages))
	r.retain(nil, 0, messages)
}

// giveUp counts the messages that are still in the logs, and returns an error with
// them and those that are missing already.
func (a *Archive) giveUp(w *watchdog) error {
	missing := int64(a.batch.messages()) + w.all()
	a.batch = newBatch() // a write that hangs still uses the other
	for !a.isOver() {
		a.batch.clear()
		a.take(time.Now().Add(inspectInterval))
		missing += int64(a.batch.used)
	}
	return a.errMissing(missing)
}

// failed tells the logger, once, that the file can't be written.
func (a *Archive) failed(err error) {
	a.counts.fail(reason(err))
	if a.failing {
		return
	}
	a.failing = true
	a.setShare(0)
	what := "the history can't be written; the chat goes on, and messages wait in memory for as long as there is space"
	if a.config.Window == 0 {
		what = "the history can't be written; the chat waits until it can"
	}
	a.config.Logger.Error(what, "file", a.path, "reason", reason(err))
}

// recovered tells the logger that the file was written again, and how many
// messages are missing in it.
func (a *Archive) recovered(missing int64) {
	if !a.failing {
		return
	}
	a.failing = false
	if missing > 0 {
		a.config.Logger.Error("the history is written again, but messages are missing in it", "file", a.path, "missing", missing)
	} else {
		a.config.Logger.Info("the history is written again, and nothing is missing in it", "file", a.path)
	}
}
