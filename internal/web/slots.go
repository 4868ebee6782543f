//go:build linux

package web

import (
	"context"
	"net/netip"
	"sync"
)

// Slots bound how many requests read the history at once. An address gets only
// some of them, so that one member does not take all. They are assigned in the
// order in which requests came.
type slots struct {
	all        chan struct{}
	perAddress int

	mu        sync.Mutex
	addresses map[netip.Addr]*share
}

// A share is what an address has of the slots.
type share struct {
	taken chan struct{}
	users int // requests that have a slot or wait for one
}

func newSlots(all, perAddress int) *slots {
	return &slots{all: make(chan struct{}, all), perAddress: perAddress, addresses: make(map[netip.Addr]*share)}
}

// take waits for a slot until ctx is done. release must be called afterwards.
func (s *slots) take(ctx context.Context, address netip.Addr) (release func(), err error) {
	own := s.enter(address)
	if err := acquire(ctx, own.taken); err != nil {
		s.exit(address)
		return nil, err
	}
	if err := acquire(ctx, s.all); err != nil {
		<-own.taken
		s.exit(address)
		return nil, err
	}
	return func() {
		<-s.all
		<-own.taken
		s.exit(address)
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
func (s *slots) enter(address netip.Addr) *share {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.addresses[address]
	if own == nil {
		own = &share{taken: make(chan struct{}, s.perAddress)}
		s.addresses[address] = own
	}
	own.users++
	return own
}

func (s *slots) exit(address netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.addresses[address]
	if own.users--; own.users == 0 {
		delete(s.addresses, address)
	}
}
