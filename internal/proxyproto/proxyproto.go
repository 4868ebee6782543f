// Package proxyproto reads the header by which a proxy says whose connection it passes
// on, the PROXY protocol. Comments cite its specification: doc/proxy-protocol.txt of
// HAProxy, of 2020/03/05.
//
// It knows bytes, and no connections: a header may come in any pieces, and nobody waits
// for the next one. That is what the library for it lacks, with which the tests compare.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Header says whose connection a proxy passes on.
type Header struct {
	// Client is the client's address. It is the zero value if the connection is the
	// proxy's own, such as a health check, or the proxy does not know the address.
	Client netip.AddrPort
	// Size is how many bytes the header has.
	Size int
}

// Errors of Parse that are not about an invalid header.
var (
	ErrNone       = errors.New("there is no PROXY header")
	ErrIncomplete = errors.New("the PROXY header is not complete")
)

// MaxSize is how many bytes a header may have, the additional fields of version 2
// included: more than all fields that are defined take, a client's certificate among
// them. As many as nginx takes.
const MaxSize = 4096

// Signatures, sections 2.1 and 2.2. That of version 1 is taken with the blank behind it,
// so that it is no name.
var (
	signature1 = []byte("PROXY ")
	signature2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// Parse reads the header at the beginning of b. It returns ErrNone as soon as b can't be
// the beginning of one, ErrIncomplete while more bytes are needed, and another error if
// the header is invalid.
func Parse(b []byte) (Header, error) {
	switch {
	case begins(b, signature2):
		return parse2(b)
	case begins(b, signature1):
		return parse1(b)
	}
	return Header{}, ErrNone
}

// begins reports whether b begins with a signature, as far as it goes.
func begins(b, signature []byte) bool {
	n := min(len(b), len(signature))
	return bytes.Equal(b[:n], signature[:n])
}

// max1 is how long a header of version 1 may be, its line end included, section 2.1.
const max1 = 107

// parse1 reads a line, section 2.1:
//
//	PROXY TCP4 192.0.2.1 198.51.100.1 56324 9000\r\n
func parse1(b []byte) (Header, error) {
	line, _, found := bytes.Cut(b[:min(len(b), max1)], []byte("\r\n"))
	switch {
	case !found && len(b) < max1:
		return Header{}, ErrIncomplete
	case !found:
		return Header{}, fmt.Errorf("its line is longer than %d", max1)
	}
	h := Header{Size: len(line) + len("\r\n")}
	fields := strings.Split(string(line), " ")
	switch family := fields[1]; {
	case family == "UNKNOWN": // whatever follows
		return h, nil
	case family != "TCP4" && family != "TCP6":
		return Header{}, fmt.Errorf("%q is neither TCP4, TCP6 nor UNKNOWN", family)
	case len(fields) != 6:
		return Header{}, fmt.Errorf("%q has %d fields, not 6", line, len(fields))
	}
	from, err := address1(fields[1], fields[2], fields[4])
	if err == nil {
		_, err = address1(fields[1], fields[3], fields[5])
	}
	if err != nil {
		return Header{}, err
	}
	h.Client = from
	return h, nil
}

// address1 reads an address and its port. Some versions of nginx write one of IPv4 in a
// line for TCP6, and that is no reason to refuse a client.
func address1(family, addr, port string) (netip.AddrPort, error) {
	ip, err := netip.ParseAddr(addr)
	if err != nil || ip.Zone() != "" || family == "TCP4" && !ip.Is4() {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address for %s", addr, family)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port", port)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}

// Version 2, section 2.2: the signature, and then
//
//	byte 12  version (4 bits) and command (4 bits)
//	byte 13  address family (4 bits) and transport (4 bits)
//	byte 14  how many bytes follow (16 bits, big endian)
//	byte 16  source and destination address, source and destination port; other fields
const (
	size2 = 16 // without what follows

	version2 = 2

	commandLocal = 0
	commandProxy = 1

	maxFamily    = 3 // AF_UNIX
	maxTransport = 2 // DGRAM

	tcpOverIPv4 = 0x11
	tcpOverIPv6 = 0x21
)

func parse2(b []byte) (Header, error) {
	if len(b) < size2 {
		return Header{}, ErrIncomplete
	}
	version, command := b[12]>>4, b[12]&0xf
	h := Header{Size: size2 + int(binary.BigEndian.Uint16(b[14:]))}
	switch {
	case version != version2:
		return Header{}, fmt.Errorf("its version is %d, not %d", version, version2)
	case command > commandProxy:
		return Header{}, fmt.Errorf("its command is %d, neither %d (LOCAL) nor %d (PROXY)", command, commandLocal, commandProxy)
	case h.Size > MaxSize:
		return Header{}, fmt.Errorf("its size is %d; at most %d is taken", h.Size, MaxSize)
	case len(b) < h.Size:
		return Header{}, ErrIncomplete
	case command == commandLocal: // whatever follows
		return h, nil
	case b[13]>>4 > maxFamily || b[13]&0xf > maxTransport:
		return Header{}, fmt.Errorf("its address family and transport are %#02x, which is undefined", b[13])
	}
	var found bool
	switch addresses := b[size2:h.Size]; b[13] {
	case tcpOverIPv4:
		h.Client, found = client2(addresses, 4)
	case tcpOverIPv6:
		h.Client, found = client2(addresses, 16)
	default: // as if it was not known
		return h, nil
	}
	if !found {
		return Header{}, fmt.Errorf("its size is %d, too little for the addresses", h.Size)
	}
	return h, nil
}

// client2 reads the source of two addresses of some size, and its port. It reports false
// if there are too few bytes.
func client2(b []byte, size int) (netip.AddrPort, bool) {
	if len(b) < 2*size+4 {
		return netip.AddrPort{}, false
	}
	addr, ok := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(b[2*size:])), ok
}
