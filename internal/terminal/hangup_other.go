//go:build !linux

package terminal

import (
	"context"
	"io"
)

// Hangup returns nil: this system only tells that nobody reads the output when
// something is written to it.
func Hangup(context.Context, io.Writer) <-chan struct{} { return nil }
