//go:build linux

package server

import (
	"testing"
	"unsafe"
)

// An idle client costs little besides its conn. What grows it beyond the size
// for which the allocator has a class takes as much as the next class.
func TestConnIsSmall(t *testing.T) {
	const class = 112
	if size := unsafe.Sizeof(conn{}); size > class {
		t.Errorf("a conn is %d bytes, want %d at most", size, class)
	}
}
