package command

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// systemLimit returns how much memory the machine has, or how much more the
// process may address (RLIMIT_AS), if that is less.
func systemLimit() (limit memoryLimit) {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		limit = memoryLimit{uint64(info.Totalram) * uint64(max(info.Unit, 1)), "the machine"}
	}
	var addresses unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &addresses) != nil || addresses.Cur == unix.RLIM_INFINITY {
		return limit
	}
	used := min(addressesUsed(), addresses.Cur-min(1, addresses.Cur))
	return limit.lower(memoryLimit{addresses.Cur - used, "RLIMIT_AS"})
}

// addressesUsed returns the size of the process's address space, or 0 if it is not
// known; see statm in proc(5).
func addressesUsed() uint64 {
	text, _ := os.ReadFile("/proc/self/statm")
	pages, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseUint(pages, 10, 64)
	return n * uint64(os.Getpagesize())
}
