package command

import (
	"os"

	"golang.org/x/sys/unix"
)

// A fileID tells an open file from all others that exist at the time. Duplicates of a
// descriptor have the same one, in any process.
type fileID struct {
	Cookie uint64 `json:"c,omitempty"` // of a socket
	Device uint64 `json:"d,omitempty"` // of another file
	Inode  uint64 `json:"i,omitempty"`
}

// identify returns which file a descriptor is of.
func identify(fd int) (fileID, error) {
	cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	switch err {
	case nil:
		return fileID{Cookie: cookie}, nil
	case unix.ENOTSOCK:
	default:
		return fileID{}, os.NewSyscallError("getsockopt", err)
	}
	var about unix.Stat_t
	if err := unix.Fstat(fd, &about); err != nil {
		return fileID{}, os.NewSyscallError("fstat", err)
	}
	return fileID{Device: about.Dev, Inode: about.Ino}, nil
}
