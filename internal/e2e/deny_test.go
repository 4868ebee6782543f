package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A denial makes the kernel refuse a system call, as kernels that lack it and
// containers that forbid it do. With an argument, the call is refused only if the
// argument is at least as large as given: so it works when the server starts and
// fails later.
type denial struct {
	call, errno, argument, least int
}

// noArgument is the argument of a call that is always refused.
const noArgument = -1

func deny(call int, errno unix.Errno) denial { return denial{call, int(errno), noArgument, 0} }

func denyFrom(call int, errno unix.Errno, argument, least int) denial {
	return denial{call, int(errno), argument, least}
}

// denials is the variable that makes the tests' own binary run its arguments as a
// process to which some system calls are refused.
const denials = "E2E_DENIALS"

// denying returns a setup for a server to which some system calls are refused.
func denying(t testing.TB, flags []string, refused ...denial) setup {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := make([]string, len(refused))
	for i, d := range refused {
		words[i] = fmt.Sprintf("%d %d %d %d", d.call, d.errno, d.argument, d.least)
	}
	return setup{flags: flags, wrapper: []string{self}, env: []string{denials + "=" + strings.Join(words, ",")}}
}

// runDenied replaces the process by the command in its arguments, under a filter
// that refuses the system calls of the variable.
func runDenied(refused string) error {
	var filter []unix.SockFilter
	for word := range strings.SplitSeq(refused, ",") {
		var d denial
		if _, err := fmt.Sscan(word, &d.call, &d.errno, &d.argument, &d.least); err != nil {
			return fmt.Errorf("%s: %q: %w", denials, word, err)
		}
		filter = append(filter, d.filter()...)
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	path, err := exec.LookPath(os.Args[1])
	if err != nil {
		return err
	}
	return os.NewSyscallError("execve", unix.Exec(path, os.Args[1:], os.Environ()))
}

// filter returns the denial as a filter of seccomp(2). It sees the number of the
// call at the offset 0, and the lower halves of its arguments from 16 on.
func (d denial) filter() []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equals = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		give   = unix.BPF_RET | unix.BPF_K
	)
	refuse := unix.SockFilter{Code: give, K: uint32(unix.SECCOMP_RET_ERRNO | d.errno)}
	if d.argument == noArgument {
		return []unix.SockFilter{
			{Code: load, K: 0},
			{Code: equals, K: uint32(d.call), Jf: 1},
			refuse,
		}
	}
	return []unix.SockFilter{
		{Code: load, K: 0},
		{Code: equals, K: uint32(d.call), Jf: 3},
		{Code: load, K: uint32(16 + 8*d.argument)},
		{Code: least, K: uint32(d.least), Jf: 1},
		refuse,
	}
}

func (d denial) String() string {
	return strconv.Itoa(d.call) + ": " + unix.ErrnoName(unix.Errno(d.errno))
}
