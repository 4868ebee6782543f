package terminal

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Hangup returns a channel that is closed when nobody reads the output any more.
// A write would also fail then, but it may be long until the next message.
func Hangup(ctx context.Context, out io.Writer) <-chan struct{} {
	file, ok := out.(*os.File)
	if !ok {
		return nil
	}
	gone := make(chan struct{})
	go func() {
		const again = 250 * time.Millisecond // to see whether ctx is done
		poll := []unix.PollFd{{Fd: int32(file.Fd())}}
		for ctx.Err() == nil {
			_, err := unix.Poll(poll, int(again.Milliseconds()))
			if err != nil && err != unix.EINTR {
				return
			}
			if poll[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				close(gone)
				return
			}
		}
	}()
	return gone
}
