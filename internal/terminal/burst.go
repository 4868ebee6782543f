package terminal

import (
	"context"
	"errors"
	"time"

	"sop-chat/client"
)

// A replay over TCP is what comes right after joining, without a pause. It can't be
// told from what is said then.
const (
	burstPause   = 300 * time.Millisecond // after which nothing more belongs to it
	longestBurst = 2 * time.Second
)

// receiveBurst receives what comes right after joining.
func receiveBurst(c *client.Client) (b burst, err error) {
	until := time.Now().Add(longestBurst)
	for len(b.messages) < maxMessages {
		pause := min(burstPause, time.Until(until))
		ctx, cancel := context.WithTimeout(context.Background(), pause)
		m, err := receiveOne(ctx, c)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		b.messages = append(b.messages, newReceived(m, false))
	}
	return b, nil
}

// errLeft is the end of a connection that the user has left.
var errLeft = errors.New("the connection has ended as it should")

func receiveOne(ctx context.Context, c *client.Client) (client.Message, error) {
	for m, err := range c.Receive(ctx) {
		return m, err
	}
	return client.Message{}, errLeft
}
