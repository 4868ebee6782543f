package history

import "golang.org/x/sys/unix"

// queryLock queries the locks of other open file descriptions, including those
// of this process.
const queryLock = unix.F_OFD_GETLK

// isMountedAlone reports whether a file was mounted without its folder, so that
// its companion files can't be seen.
func isMountedAlone(name string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, name, 0, 0, &stat)
	return err == nil && stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}
