//go:build linux

package server

import (
	"log/slog"
	"os"
	"syscall"

	"sop-chat/internal/broadcast"
)

// Sending by reference saves the kernel a copy for each client, and costs it the
// handling of pages, and new pages for the log. So it can pay when much is sent to
// many. Measured with 16 to 1,000 clients and 8 to 640 KiB for each, it breaks even
// at about the values below. Beyond them it costs half on some machines, and more
// than copying on others; a modeChooser finds that out. Less is always copied.
const (
	// minReference is how much has to be sent to a client at once, in bytes.
	minReference = 64 << 10
	// minReceivers is how many members the loop must have.
	minReceivers = 32
)

// sendLimits bound what is sent at once, and say what a large batch is.
type sendLimits struct {
	write     int // maxWrite; whole messages
	reference int // minReference
	members   int // minReceivers
	lap       int // lapSize
	quantum   int // standardQuantum
}

var standardSend = sendLimits{write: maxWrite, reference: minReference, members: minReceivers, lap: lapSize, quantum: standardQuantum}

// An output is the way of a room's log to the members at one loop: in large batches
// by reference or by copy, whichever costs less. A loop has one, for one room after
// another.
type output struct {
	*system
	memory  fileMemory // in which the logs lie; nil if that is not a file
	log     *broadcast.Log
	members int // of the room, how many there are at the loop
	sending *sendChoice
	logger  *slog.Logger
	limits  sendLimits
	meter   sendMeter
	flat    flatFrame
	left    int // what may be sent in this wake-up to one room, in bytes
}

// standardQuantum is how much a loop sends to one room before it looks what others have,
// in bytes: what takes about a millisecond.
const standardQuantum = 1 << 20

// isSpent reports whether the room has been sent as much as it may be for now.
func (o *output) isSpent() bool { return o.left <= 0 }

// turnTo has the output send what is in another log.
func (o *output) turnTo(log *broadcast.Log, members int) {
	if o.log != log {
		o.log = log
		o.flat.size = 0
	}
	o.members = members
}

// byReference reports whether that many bytes are to be sent by reference.
func (o *output) byReference(bytes int) bool {
	o.meter.writes++
	if !o.isLarge(bytes) {
		return false
	}
	o.meter.large++
	return o.sendMode() == references
}

// refer sends stretches of the log by reference. If that fails, either the
// connection is broken or the system can't do it after all. So it then sends
// copies, and if that works, nothing is sent by reference any more.
func (o *output) refer(fd int, stretches [][]byte) (sent int, errno syscall.Errno) {
	sent, failed := o.sendfile(fd, stretches)
	switch {
	case failed == 0 || canRetry(failed):
		return sent, failed
	case sent > 0:
		return sent, 0 // the rest is tried again
	}
	sent, errno = o.sendTo(fd, stretches)
	switch {
	case errno == 0 || errno == syscall.EAGAIN:
		o.memory.StopLending(os.NewSyscallError("sendfile", failed))
		return sent, errno
	case canRetry(errno):
		return 0, errno
	}
	return 0, failed
}

// canRetry reports whether a call that failed may work later.
func canRetry(errno syscall.Errno) bool {
	return errno == syscall.EINTR || errno == syscall.EAGAIN || shortage(errno)
}

// sendfile sends stretches of the log by reference, as far as the socket takes
// them. Stretches that are contiguous in the file are sent in one call. It may
// send some and then fail.
func (o *output) sendfile(fd int, stretches [][]byte) (sent int, errno syscall.Errno) {
	memory := o.memory
	for len(stretches) > 0 {
		offset, size := memory.Offset(stretches[0]), len(stretches[0])
		stretches = stretches[1:]
		for len(stretches) > 0 && memory.Offset(stretches[0]) == offset+int64(size) {
			size += len(stretches[0])
			stretches = stretches[1:]
		}
		n, errno := o.sendFileTo(fd, memory.File(), offset, size)
		sent += n
		if n < size {
			return sent, errno
		}
	}
	return sent, 0
}
