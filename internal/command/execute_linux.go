package command

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// execute replaces the program of this process. Some descriptors are passed on, and all
// others are closed. If input is not 0, it becomes the standard input. It returns only if it
// failed; then all is as it was.
func execute(program Program, passing []int, input int, handover string) error {
	var limit unix.Rlimit
	limited := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil
	defer func() {
		for _, fd := range passing {
			unix.CloseOnExec(fd)
		}
		if limited { // Exec has set it to what it was when the process started
			unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
		}
	}()
	for _, fd := range passing {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	if input != 0 {
		if err := unix.Dup3(input, 0, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	env := append(program.Environ(), handoverVariable+"="+handover)
	return whyNotRun(program.Path, os.NewSyscallError("execve", syscall.Exec(program.Path, program.Args, env)))
}
