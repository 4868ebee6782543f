//go:build linux

package server

import (
	"syscall"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// maxWrite is how much is written to one client in one wake-up, in bytes, give
// or take a message. It bounds how long a client that is far behind keeps the
// others waiting. A socket's buffer rarely takes as much at once.
const maxWrite = 1 << 20

// write sends c the log up to head, without its own messages, as far as its
// socket takes it.
func (c *conn) write(o *output, head broadcast.Position) outcome {
	if out := c.sendControl(o.system); out.kind != done {
		return out
	}
	log := o.log
	untold := false // it is numbered, and the numbers of its own messages are to be told
	for sent := 0; c.cursor < head; {
		if c.hasCaughtUp() {
			untold = false
			c.addNumber(o.system, log)
			if out := c.sendControl(o.system); out.kind != done {
				return out
			}
		}
		if sent >= o.limits.write {
			return outcome{kind: blocked}
		}
		to := min(head, c.cursor-c.cursor%wire.Size+broadcast.Position(o.limits.write))
		var except *broadcast.Sender
		if c.cursor < c.lastOwn {
			except = &c.Sender
		}
		if f := c.frames(); f != nil && f.end != 0 {
			to = min(to, f.end)
		} else if c.framing == numbered {
			if f != nil && f.target > 0 {
				to = min(to, f.target-1)
			}
			if to = c.nextRun(log, to, except); c.cursor == to {
				untold = true
				continue
			}
			untold = false // the frame tells its number
		}
		stretches, end := log.Gather(o.stretches, c.cursor, to, except)
		if len(stretches) == 0 {
			c.cursor = end
			continue
		}
		total := length(stretches)
		n, errno := c.send(o, stretches, total, end)
		sent += n
		o.countSent(n)
		if n == total {
			c.cursor = end
			continue
		}
		c.cursor = log.Advance(c.cursor, n, except)
		if errno == syscall.EINTR {
			continue
		}
		return failed("write", errno)
	}
	if c.hasCaughtUp() || untold {
		c.addNumber(o.system, log)
	}
	return c.sendControl(o.system) // a ping may have come within the frame
}

func length(stretches [][]byte) int {
	n := 0
	for _, s := range stretches {
		n += len(s)
	}
	return n
}
