package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"syscall"
	"time"
)

// startTimeout is how long a server may take to listen, and to end.
const startTimeout = 10 * time.Second

// A process is a running server.
type process struct {
	addr   netip.AddrPort
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

// start starts a server on a free port and waits until it listens.
func start(ctx context.Context, s server) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	other, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return launch(ctx, addr, startTimeout, s.command(int(addr.Port()), int(other.Port())))
}

// launch starts a program and waits until it listens on an address.
func launch(ctx context.Context, addr netip.AddrPort, timeout time.Duration, words []string) (*process, error) {
	p := &process{addr: addr, cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.waitUntilItListens(ctx, timeout); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *process) waitUntilItListens(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := net.Dial("tcp", p.addr.String()); err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it ended at once: %s", p.output.Bytes())
		case <-ctx.Done():
			return fmt.Errorf("it does not listen: %w", ctx.Err())
		case <-again.C:
		}
	}
}

// pid returns the process's number.
func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the server, and kills it if it does not end.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(startTimeout):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// freeAddr returns an address on which nobody listens. Its port is not in the
// range of outgoing connections (ip_local_port_range in ip(7)), or one of them
// could take it before the server does.
func freeAddr() (netip.AddrPort, error) {
	const first, last, tries = 10_000, 30_000, 100
	var failed error
	for range tries {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(first+rand.IntN(last-first)))
		l, err := net.Listen("tcp", at.String())
		if err == nil {
			return at, l.Close()
		}
		failed = err
	}
	return netip.AddrPort{}, failed
}
