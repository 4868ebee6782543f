package command

import (
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// upgradeSignals are the signals of a server that can be replaced: SIGUSR2, which asks for
// that, and those that must not be lost meanwhile. There is a moment in which the process
// has no program that could handle them:
//
//	until then        the old program: those that end the server do, others are passed on
//	in that moment    SIGINT, SIGTERM and SIGQUIT end the process at once; SIGHUP is ignored,
//	                  because the new program reads all files and looks for its terminal; the
//	                  others wait
//	from then on      the new program
//
// Go lets in SIGINT, SIGTERM and SIGQUIT before a program can say that it handles them.
type upgradeSignals struct {
	requests chan os.Signal
	ends     []os.Signal // that end the server
	caught   chan os.Signal
}

// listenForUpgrades begins to listen for SIGUSR2, if a server of that stage can be replaced.
// done has to be called.
func listenForUpgrades(stage int, p Process) (s *upgradeSignals, done func()) {
	s = &upgradeSignals{requests: make(chan os.Signal, 1), ends: p.ends}
	if stage < 4 {
		return s, func() {}
	}
	signal.Notify(s.requests, syscall.SIGUSR2)
	return s, func() {
		if !p.Ends {
			signal.Stop(s.requests)
		}
	}
}

// begin begins to note which signals come. Others that listen for them get them, too.
func (s *upgradeSignals) begin() {
	s.caught = make(chan os.Signal, 16)
	signal.Notify(s.caught, append(slices.Clone(s.ends), syscall.SIGUSR2)...)
}

// cancel ends that.
func (s *upgradeSignals) cancel() { signal.Stop(s.caught) }

// take returns whether SIGUSR2 has come since begin. If a signal has come that ends the
// server, it returns an error: that comes first.
func (s *upgradeSignals) take() (again bool, err error) {
	signal.Stop(s.caught) // returns when those that came have been delivered
	for {
		select {
		case sig := <-s.caught:
			if sig != syscall.SIGUSR2 {
				return false, errEnding
			}
			again = true
		default:
			return again, nil
		}
	}
}

// replace calls do, which replaces the program, while signals have the effects that they
// are to have in between. If do returns, that is undone.
func (s *upgradeSignals) replace(do func() error) error {
	runtime.LockOSThread() // its mask is inherited
	defer runtime.UnlockOSThread()
	var waiting, before unix.Sigset_t
	for _, sig := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGXCPU} {
		if sig != syscall.SIGUSR1 || slices.Contains(s.ends, os.Signal(sig)) {
			addSignal(&waiting, sig)
		}
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &waiting, &before); err != nil {
		return os.NewSyscallError("rt_sigprocmask", err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP} {
		var action signalAction // the default
		if sig == syscall.SIGHUP {
			action.handler = 1 // SIG_IGN
		} else if !slices.Contains(s.ends, os.Signal(sig)) || signal.Ignored(sig) {
			continue
		}
		former, err := setSignalAction(sig, action)
		if err != nil {
			return err
		}
		defer setSignalAction(sig, former)
	}
	return do()
}

// A signalAction is the kernel's struct sigaction. Only its beginning is the same on all
// machines, and that is enough.
type signalAction struct {
	handler uintptr
	rest    [160 / unsafe.Sizeof(uintptr(0))]uintptr
}

// setSignalAction sets what the kernel does at a signal, without telling package signal, and
// returns what it did before.
func setSignalAction(sig syscall.Signal, a signalAction) (former signalAction, err error) {
	const setSize = 8
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&former)), setSize, 0, 0)
	if errno != 0 {
		return former, os.NewSyscallError("rt_sigaction", errno)
	}
	return former, nil
}

func addSignal(set *unix.Sigset_t, sig syscall.Signal) {
	const bits = 8 * unsafe.Sizeof(set.Val[0])
	n := uintptr(sig) - 1
	set.Val[n/bits] |= 1 << (n % bits)
}
