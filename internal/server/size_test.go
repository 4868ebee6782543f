//go:build linux

package server

import (
	"testing"
	"unsafe"
)

// An idle client costs little besides its conn, which should not grow beyond its
// size class in the allocator.
func TestConnIsSmall(t *testing.T) {
	const class = 112
	if size := unsafe.Sizeof(conn{}); size > class {
		t.Errorf("a conn is %d bytes, want %d at most", size, class)
	}
}
