//go:build !linux

package bench

func newTransport() (transport, error) { return newGoroutines(), nil }
