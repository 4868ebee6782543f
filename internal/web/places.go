//go:build linux

package web

import (
	"context"
	"net/netip"
	"sync"
)

// Places are what requests take while they read the history. An address has
// only some of them, so that one member does not take them all; the places go
// to those who wait in the order in which they came.
type places struct {
	all   chan struct{}
	share int // of an address

	mu        sync.Mutex
	addresses map[netip.Addr]*share
}

// A share is what an address has of the places.
type share struct {
	taken chan struct{}
	users int // that have some of it, or wait
}

func newPlaces(all, each int) *places {
	return &places{all: make(chan struct{}, all), share: each, addresses: make(map[netip.Addr]*share)}
}

// take waits for a place until ctx is done. leave has to be called afterwards.
func (p *places) take(ctx context.Context, address netip.Addr) (leave func(), err error) {
	own := p.enter(address)
	if err := acquire(ctx, own.taken); err != nil {
		p.exit(address)
		return nil, err
	}
	if err := acquire(ctx, p.all); err != nil {
		<-own.taken
		p.exit(address)
		return nil, err
	}
	return func() {
		<-p.all
		<-own.taken
		p.exit(address)
	}, nil
}

func acquire(ctx context.Context, semaphore chan<- struct{}) error {
	select {
	case semaphore <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter returns the share of an address.
func (p *places) enter(address netip.Addr) *share {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.addresses[address]
	if s == nil {
		s = &share{taken: make(chan struct{}, p.share)}
		p.addresses[address] = s
	}
	s.users++
	return s
}

func (p *places) exit(address netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.addresses[address].users--; p.addresses[address].users == 0 {
		delete(p.addresses, address)
	}
}
