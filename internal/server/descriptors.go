//go:build linux

package server

// Descriptors says how the descriptors of a process are shared out. The kernel
// always assigns the lowest free number, so the next number tells how many are
// in use, whatever for:
//
//	0 ──────────────────────▶ Short ──────────▶ Full ──────────────▶ the limit
//	  pending and clients       clients first     not for connections
//
// The zero value shares out nothing.
type Descriptors struct {
	// Short is the next number from which on a new connection has a pending one
	// evicted, if there are more than ForPending.
	Short, ForPending int
	// Full is the next number from which on no connection is accepted, unless a
	// pending one that is past its grace can be evicted.
	Full int
}
