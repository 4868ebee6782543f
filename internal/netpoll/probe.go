//go:build linux

package netpoll

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// probe tries on one page what a Memory relies on: what was sent from the file does
// not change when the page is punched out and the file gets a new one. Systems that
// can't do a part of that return an error. On one that did it wrong, clients would
// receive what nobody sent.
func (m *Memory) probe() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])

	page := m.at(0)[:min(m.piece, os.Getpagesize())]
	switch err := unix.Madvise(page, unix.MADV_POPULATE_WRITE); err { // since Linux 5.14
	case nil:
		m.populates = true
	case unix.ENOMEM, unix.EFAULT:
		return os.NewSyscallError("madvise", err)
	}
	sent := bytes.Repeat([]byte("sent"), len(page)/4)
	copy(page, sent)
	var offset int64
	if n, err := unix.Sendfile(pair[0], m.file, &offset, len(page)); err != nil {
		return os.NewSyscallError("sendfile", err)
	} else if n != len(page) {
		return errors.New("sendfile: sends less than a socket takes")
	}
	if err := m.punch(page); err != nil {
		return err
	}
	copy(page, bytes.Repeat([]byte("next"), len(page)/4))
	received := make([]byte, len(page))
	if n, err := unix.Read(pair[1], received); err != nil {
		return os.NewSyscallError("read", err)
	} else if !bytes.Equal(received[:n], sent) {
		return errors.New("fallocate: what was sent changes when its pages are punched out")
	}
	return m.punch(page)
}
