package client

import "time"

// WithSilence sets how long a connection may be silent.
func WithSilence(d time.Duration) Option {
	return func(o *options) { o.silence = d }
}
