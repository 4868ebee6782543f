package origin

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
)

// Lists say which addresses may connect.
type Lists struct {
	Allow *List // if there is one, all others are denied
	Deny  *List // of those that are allowed
}

// Denies reports whether the lists deny an address.
func (l Lists) Denies(addr netip.Addr) bool {
	return l.Deny.Contains(addr) || l.Allow != nil && !l.Allow.Contains(addr)
}

// A List is a set of addresses and networks. Finding one in it takes as long however
// many there are. A nil list is empty.
type List struct{ networks bart.Lite }

// Contains reports whether an address is in the list.
func (l *List) Contains(addr netip.Addr) bool {
	return l != nil && l.networks.Contains(addr.Unmap().WithZone(""))
}

// Len returns how many networks the list has.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.networks.Size()
}

// ParseList parses addresses and networks that are separated by commas. An item @FILE
// stands for those in a file, which read returns: one in each line, and comments that
// begin with #. An empty text is no list.
func ParseList(text string, read func(path string) ([]byte, error)) (*List, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	list := new(List)
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		path, isFile := strings.CutPrefix(item, "@")
		switch {
		case item == "":
			continue
		case isFile && path == "":
			return nil, fmt.Errorf("the path of a file is missing behind '@'")
		case isFile:
			content, err := read(path)
			if err == nil {
				err = list.addLines(path, content)
			}
			if err != nil {
				return nil, err
			}
		default:
			if err := list.add(item); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// addLines adds what is in a file.
func (l *List) addLines(path string, content []byte) error {
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text, _, _ := strings.Cut(string(line), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := l.add(text); err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
	}
	return nil
}

// add adds an address or a network.
func (l *List) add(text string) error {
	prefix, err := parseNetwork(text)
	if err == nil {
		l.networks.Insert(prefix)
	}
	return err
}

func parseNetwork(text string) (netip.Prefix, error) {
	const mapped = 96 // the bits before an IPv4 address in IPv6
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is neither an IP address nor a network, such as 192.0.2.7 or 2001:db8::/32", text)
	}
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	if prefix != prefix.Masked() {
		return prefix, fmt.Errorf("%q is an address in a network; write %s for the network, or %s for the address",
			text, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}
