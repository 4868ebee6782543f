//go:build linux

package server

// Descriptors say how the descriptors of a process are shared out. The kernel
// always gives out the lowest number that is free, so the next number tells how
// many there are, whoever has them:
//
//	0 ──────────────────────▶ Short ──────────▶ Full ──────────────▶ the limit
//	  pending and clients       clients first     not for connections
//
// The zero value shares out nothing.
type Descriptors struct {
	// Short is from which next number on a new connection makes a pending one
	// give way, if there are more than ForPending.
	Short, ForPending int
	// Full is from which next number on no connection is accepted, unless a
	// pending one is there that has been silent for more than a moment.
	Full int
}

// evicts reports whether a new connection makes one of so many that are pending
// give way, if next is the next descriptor.
func (d Descriptors) evicts(next, pending int) bool {
	return next >= d.Short && pending > d.ForPending
}
