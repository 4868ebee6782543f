package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"sop-chat/internal/handover"
	"sop-chat/internal/systemd"
)

// A server that the service manager restarts leaves its clients to the next process, if the
// manager has a store for descriptors:
//
//	this process   restartSignal ──▶ hold, freeze (as for an upgrade)
//	                             ──▶ all descriptors into the store, then the state ──▶ it ends
//	next process   descriptors and state from the manager ──▶ Restore, Open
//	                             ──▶ the state is taken, the store is emptied ──▶ Serve
//
// The manager has another signal for a stop, which ends a server in order.

// The names of what is in the store.
const (
	storedName = "sop-chat-fd"    // of all descriptors of a state
	stateName  = "sop-chat-state" // of the file with the state
)

// restartTimeout is how long a server may take to come to a standstill before it ends as if
// there were no store.
const restartTimeout = 15 * time.Second

var (
	errNoStore     = errors.New("the service manager does not say that it keeps descriptors (FileDescriptorStoreMax=; systemd before 254 needs Environment=FDSTORE= besides, with the same number)")
	errRestartOnly = errors.New("only the complete server, --stage 4, leaves its clients to another process")
)

// leave has the process that the service manager starts next go on with the clients, and
// ends this one, if the server is interrupted because of a restart. It returns only if that
// is not so, or not possible: then the server is to end in order. A nil upgrader is that of a
// server that has yet to start.
func (u *upgrader) leave(interruption error) {
	if u == nil || interruption != signalError(syscall.SIGUSR1) {
		return
	}
	u.stopping()
	u.stop()
	err := u.restart()
	u.logger.Warn("the clients are disconnected by this restart", "reason", err)
}

func (u *upgrader) restart() error {
	size := systemd.StoreSize(u.process.LookupEnv)
	switch {
	case u.options.stage < 4:
		return errRestartOnly
	case size == 0 || u.service.notifier == nil:
		return errNoStore
	}
	ctx, cancel := context.WithTimeout(context.Background(), restartTimeout)
	defer cancel()
	select {
	case <-u.server.Serving():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := u.keeper.err(); err != nil { // or the members would wait for it
		return err
	}
	if err := u.cluster.err(); err != nil { // and so would the next process
		return err
	}
	defer u.hold(ctx)()
	return u.freeze(ctx, func(state *handover.State) error { return u.store(state, size) })
}

// store puts a state with its descriptors into the manager's store, which has space for a
// number of them, and ends the process. It returns only if that failed.
func (u *upgrader) store(state *handover.State, size int) error {
	fds, err := detach(state)
	if err != nil {
		return err
	}
	if needed := len(fds) + 1; needed > size {
		return fmt.Errorf("the service manager keeps %d descriptors, and %d are needed; FileDescriptorStoreMax= sets how many", size, needed)
	}
	if err := systemd.CheckNames(storedName, len(fds)); err != nil {
		return err
	}
	file, err := newMemoryFile(stateName)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := handover.Write(file, state); err != nil {
		return err
	}
	err = fill(u.service.notifier, fds, int(file.Fd()), func() (undo func()) {
		u.logger.Info("the server ends, and leaves its clients to the next process", "clients", len(state.Members))
		return u.part()
	})
	if err != nil {
		return err
	}
	os.Exit(statusOK) // as execve: what is deferred would end connections
	return nil
}

// A descriptorStore keeps descriptors for the next process; *systemd.Notifier has one.
type descriptorStore interface {
	Store(name string, fds []int) error
	Unstore(name string) error
}

// fill puts the descriptors of a state into a store, and the file of the state, before which
// it calls last. If that fails, it leaves the store empty, and undoes what last did.
func fill(s descriptorStore, fds []int, state int, last func() (undo func())) error {
	if err := emptyStore(s); err != nil { // there is nothing, unless that failed before
		return err
	}
	err := s.Store(storedName, fds)
	if err == nil {
		undo := last()
		if err = s.Store(stateName, []int{state}); err == nil { // without it the others are of no use
			return nil
		}
		undo()
	}
	emptyStore(s)
	return err
}

// emptyStore has a store close what it keeps.
func emptyStore(s descriptorStore) error {
	return errors.Join(s.Unstore(stateName), s.Unstore(storedName))
}

// detachedName is the name of what a detached state has about its descriptors.
const detachedName = "descriptors"

// detach returns the descriptors of a state, and puts into their places in the state how many
// come before them. The state says which files they are: attach finds them again.
func detach(state *handover.State) (fds []int, err error) {
	var files []fileID
	state.Descriptors(func(fd int) int {
		id, failed := identify(fd)
		if failed != nil {
			err = failed
		}
		fds, files = append(fds, fd), append(files, id)
		return len(fds) - 1
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	if state.Others == nil {
		state.Others = make(map[string]json.RawMessage)
	}
	state.Others[detachedName] = text
	return fds, nil
}

// attach puts descriptors into a detached state, which are in any order. In the place of one
// that is missing it puts -1.
func attach(state *handover.State, fds []int) error {
	var files []fileID
	if err := json.Unmarshal(state.Others[detachedName], &files); err != nil {
		return fmt.Errorf("the server's state is damaged: %w", err)
	}
	delete(state.Others, detachedName)
	byFile := make(map[fileID]int, len(fds))
	for _, fd := range fds {
		id, err := identify(fd)
		if err != nil {
			return err
		}
		byFile[id] = fd
	}
	state.Descriptors(func(n int) int {
		if n < 0 || n >= len(files) {
			return -1
		}
		if fd, is := byFile[files[n]]; is {
			return fd
		}
		return -1
	})
	return nil
}
