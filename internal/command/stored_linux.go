package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"sop-chat/internal/handover"
	"sop-chat/internal/netpoll"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
)

// takeStored takes what the process before has left in the store of the service manager, and
// out of all sockets of that returns the others. If this process can't go on with it, it logs
// why, and closes it: the clients come back.
//
// What is in the store stays there until taken is called. So a process that ends before, for
// an error in its options perhaps, leaves it to the next one.
func (p *Process) takeStored(o *serveOptions, all []systemd.Socket, logger *slog.Logger) (sockets managerSockets) {
	var stored []systemd.Socket
	for _, s := range all {
		if s.Name == storedName || s.Name == stateName {
			stored = append(stored, s)
		} else {
			sockets = append(sockets, s)
		}
	}
	if len(stored) == 0 {
		return sockets
	}
	i, err := readStored(o, stored)
	if err != nil {
		for _, s := range stored {
			netpoll.Close(s.FD)
		}
		p.forgetStored(err, logger)
		return sockets
	}
	needed := i.descriptors()
	for _, s := range stored {
		switch {
		case s.FD == i.stateFD:
		case !slices.Contains(needed, s.FD):
			netpoll.Close(s.FD)
		default:
			unix.SetNonblock(s.FD, true) // the manager changes that of sockets that it has, too
		}
	}
	i.Path = p.Program.Path
	p.inherited = i
	return i.closeDoubles(sockets)
}

// forgetStored logs why the process does not go on with what was left, and has the manager
// close it.
func (p *Process) forgetStored(reason error, logger *slog.Logger) {
	logger.Error("the clients of the process before are disconnected, because this one can't go on with them", "reason", reason)
	manager := systemd.NewNotifier(notifySocket(*p))
	err := emptyStore(manager)
	if err == nil && manager != nil {
		err = manager.Barrier() // its ports are free then
	}
	if err != nil {
		logger.Warn("what the service manager keeps of the process before can't be closed", "error", err)
	}
}

// readStored reads the state that was left, and finds its descriptors. It closes none.
func readStored(o *serveOptions, stored []systemd.Socket) (*inheritance, error) {
	state := -1
	var fds []int
	for _, s := range stored {
		switch {
		case s.Name == storedName:
			fds = append(fds, s.FD)
		case state >= 0:
			return nil, errors.New("there are two states of it")
		default:
			state = s.FD
		}
	}
	if state < 0 {
		return nil, errors.New("it has left descriptors, and not its state")
	}
	if o.stage < 4 {
		return nil, fmt.Errorf("--stage %d can't take the place of a server", o.stage)
	}
	i, err := readInheritanceFD(state)
	if err != nil {
		return nil, err
	}
	if err := attach(i.state, fds); err != nil {
		return nil, err
	}
	i.stateFD, i.Terminal, i.NoHangup, i.Console.Fails, i.Console.Gone = state, false, false, false, false
	if err := i.adapt(o); err != nil {
		return nil, err
	}
	return i, server.CheckState(i.state)
}

// readInheritanceFD reads the state that is in the file of a descriptor. It closes nothing.
func readInheritanceFD(fd int) (*inheritance, error) {
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(duplicate), stateName)
	defer file.Close()
	if about, err := file.Stat(); err == nil && about.Size() == 0 {
		return nil, errors.New("another process has gone on with them, and has ended since")
	}
	return readInheritance(file)
}

// listenersOf are the names of the listeners that options are about.
var listenersOf = map[string][]string{
	"PORT":        {handover.Server, adminName}, // of which --admin auto has the number
	"--tls":       {tlsSocket},
	"--web":       {webSocket},
	"--acme-http": {acmeSocket},
	"--metrics":   {metricsSocket},
	"--admin":     {adminName},
}

// adapt leaves out the listeners of options that have changed: the process opens others. It
// returns an error if an option has changed that the clients depend on.
func (i *inheritance) adapt(o *serveOptions) error {
	drop := func(names []string) {
		i.state.Listeners = slices.DeleteFunc(i.state.Listeners, func(l handover.Listener) bool { return slices.Contains(names, l.Name) })
	}
	for _, c := range o.changed(i.Fixed) {
		names, known := listenersOf[c.Flag]
		if !known {
			return fmt.Errorf("%s is %q now, and was %q", c.Flag, c.Now, c.Was)
		}
		drop(names)
	}
	// The folder of the socket goes with the service, unless its unit says otherwise.
	if at, err := os.Lstat(i.Admin.Path); err != nil || at.Mode().Type() != os.ModeSocket {
		drop([]string{adminName})
	}
	if !slices.ContainsFunc(i.state.Listeners, func(l handover.Listener) bool { return l.Name == adminName }) {
		i.Admin = leftSocket{}
	}
	return nil
}

// closeDoubles closes those sockets of the service manager that were left as well, and
// returns the others.
func (i *inheritance) closeDoubles(sockets managerSockets) managerSockets {
	listeners := make(map[fileID]bool)
	for _, l := range i.state.Listeners {
		if id, err := identify(l.FD); err == nil {
			listeners[id] = true
		}
	}
	return slices.DeleteFunc(sockets, func(s systemd.Socket) bool {
		id, err := identify(s.FD)
		isDouble := err == nil && listeners[id]
		if isDouble {
			netpoll.Close(s.FD)
		}
		return isDouble
	})
}

// descriptors returns those of the state.
func (i *inheritance) descriptors() (all []int) {
	i.state.Descriptors(func(fd int) int {
		all = append(all, fd)
		return fd
	})
	return all
}

// isStored reports whether another process has left what i has, and not this one as another
// program.
func (i *inheritance) isStored() bool { return i != nil && i.stateFD != 0 }

// taken says that this process goes on from now on: no other can do so with the same state.
func (i *inheritance) taken(manager *systemd.Notifier) error {
	if !i.isStored() {
		return nil
	}
	file := os.NewFile(uintptr(i.stateFD), stateName)
	defer file.Close()
	return errors.Join(file.Truncate(0), emptyStore(manager))
}

// refuse closes what was left, because of an error.
func (i *inheritance) refuse(p *Process, err error, logger *slog.Logger) {
	for _, fd := range append(i.descriptors(), i.stateFD) {
		if fd >= 0 {
			netpoll.Close(fd)
		}
	}
	p.inherited = nil
	p.forgetStored(err, logger)
}
