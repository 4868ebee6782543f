package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// A listenFunc listens on one address, see server.Listen.
type listenFunc func(netip.AddrPort) error

// listenAll listens on the addresses of bind and returns them. A host name may have
// addresses that this machine does not have, as ::1 where IPv6 is switched off; one
// that it has is enough.
func listenAll(ctx context.Context, bind string, port uint16, listen listenFunc) ([]netip.Addr, error) {
	addrs, err := resolve(ctx, bind)
	if err != nil {
		return nil, err
	}
	return listenOn(addrs, port, listen)
}

// listenOn listens on those of some addresses that this machine has, at least one, and
// returns them.
func listenOn(addrs []netip.Addr, port uint16, listen listenFunc) ([]netip.Addr, error) {
	var bound []netip.Addr
	var missing error
	for _, addr := range addrs {
		at := netip.AddrPortFrom(addr, port)
		switch err := listen(at); {
		case err == nil:
			bound = append(bound, addr)
		case isMissing(err):
			missing = listenError(err, at)
		default:
			return nil, listenError(err, at)
		}
	}
	if len(bound) == 0 {
		return nil, missing
	}
	return bound, nil
}

// resolve returns the addresses of an IP address or a host name, at least one.
func resolve(ctx context.Context, bind string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(bind); err == nil {
		return []netip.Addr{addr.Unmap()}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", bind)
	if err != nil {
		return nil, badAddress(bind, err)
	}
	var addrs []netip.Addr
	for _, addr := range found {
		if addr = addr.Unmap(); !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// badAddress returns an error that says why a text is not an address, and what may
// be meant.
func badAddress(text string, err error) error {
	host, _, hasPort := net.SplitHostPort(text)
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	switch {
	case text == "" || text == "*":
		return fmt.Errorf("%q is not an address; :: is all addresses, IPv4 and IPv6, and 0.0.0.0 all of IPv4", text)
	case hasPort == nil && host != "":
		return fmt.Errorf("%q has a port at its end; leave it out, as in %s", text, host)
	case bare != text:
		return fmt.Errorf("%q has brackets around it; leave them out, as in %s", text, bare)
	}
	return fmt.Errorf("%q is neither an IP address nor a host name that can be looked up: %w", text, reason(err))
}

// reason returns a look-up's error without the name.
func reason(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(dns.Err)
	}
	return err
}

// isMissing reports whether this machine does not have the address.
func isMissing(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// listenError puts into words why the server can't listen on an address.
func listenError(err error, at netip.AddrPort) error {
	on := at.Addr().String()
	if at.Addr().IsUnspecified() {
		on = "all addresses"
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d is already in use on %s; choose another one, "+
			"or stop the program that has it (ss -ltnp shows it)", at.Port(), on)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no permission to listen on port %d; choose one from 1024 on, "+
			"or lower net.ipv4.ip_unprivileged_port_start", at.Port())
	case isMissing(err):
		return fmt.Errorf("%s is not an address of this machine; choose one that it has "+
			"(ip address shows them)", on)
	case errors.Is(err, syscall.EINVAL) && at.Addr().Zone() != "":
		return fmt.Errorf("%s names the network interface %q, which this machine does not have (ip link shows those it has)",
			on, at.Addr().Zone())
	case errors.Is(err, syscall.EINVAL) && at.Addr().IsLinkLocalUnicast():
		return fmt.Errorf("%s lacks its network interface; write it as in fe80::1%%eth0", on)
	}
	return fmt.Errorf("listening on port %d, %s: %w", at.Port(), on, err)
}
