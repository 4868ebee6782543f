package client

import "time"

// WithSilence sets how long a connection may be silent.
func WithSilence(d time.Duration) Option {
	return func(o *options) { o.silence = d }
}

// MaxKept is how many messages Finish keeps for a loop over Receive.
const MaxKept = maxKept

// Kept returns how many there are.
func (c *Client) Kept() int { return c.messages.buffered() }

// WithPause sets how long a Session waits before it joins again for the first time.
func WithPause(d time.Duration) Option {
	return func(o *options) { o.pause = d }
}
