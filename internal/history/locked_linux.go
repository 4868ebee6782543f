package history

import "golang.org/x/sys/unix"

// queryLock asks for the locks of other open files, even of this process.
const queryLock = unix.F_OFD_GETLK

// isMountedAlone reports whether a file was mounted by itself, so that what lies
// beside it is not what lay beside it.
func isMountedAlone(name string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, name, 0, 0, &stat)
	return err == nil && stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
