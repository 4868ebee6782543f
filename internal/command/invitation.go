package command

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sop-chat/internal/english"
)

// invite writes where the server listens, and how to join.
func invite(out io.Writer, port uint16, bound []netip.Addr, maxClients int) {
	i := invitation{port: port, bound: bound, own: ownAddresses(), maxClients: maxClients}
	fmt.Fprint(out, i)
}

// An invitation is the server's message when it begins to listen.
type invitation struct {
	port       uint16
	bound      []netip.Addr // the addresses that the server listens on
	own        []netip.Addr // all of the machine's, or none if they are not known
	maxClients int
}

// ownAddresses returns the addresses of the machine's network interfaces, or none
// if they can't be found out.
func ownAddresses() []netip.Addr {
	var own []netip.Addr
	found, _ := net.InterfaceAddrs()
	for _, a := range found {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr())
		}
	}
	return own
}

// String returns two lines: where the server listens, and how to join.
func (i invitation) String() string {
	return fmt.Sprintf("sop-chat: listening on port %d, %s; %s\nsop-chat: %s\n",
		i.port, i.where(), i.capacity(), i.how())
}

func (i invitation) where() string {
	if len(i.bound) == 1 && i.bound[0].IsUnspecified() {
		if i.bound[0].Is4() {
			return "all IPv4 addresses"
		}
		return "all addresses"
	}
	names := make([]string, len(i.bound))
	for n, addr := range i.bound {
		names[n] = addr.String()
	}
	return strings.Join(names, " and ")
}

func (i invitation) capacity() string {
	if i.maxClients == 0 {
		return "any number of clients"
	}
	return "at most " + english.Count(i.maxClients, "client")
}

// how returns the command that joins, as it is typed on another machine.
func (i invitation) how() string {
	if i.ownUnknown() {
		return fmt.Sprintf("others join with the key and an address of this machine: sop-chat join ADDRESS:%d (or localhost:%[1]d here)", i.port)
	}
	fromOthers, fromHere := i.reachable()
	if len(fromOthers) == 0 {
		return fmt.Sprintf("only this machine can join, with the key: sop-chat join %s", fromHere)
	}
	// A machine may have dozens, for containers and tunnels.
	const most = 4
	var places []string
	for _, addr := range fromOthers[:min(len(fromOthers), most)] {
		places = append(places, netip.AddrPortFrom(addr, i.port).String())
	}
	line := fmt.Sprintf("others join with the key: sop-chat join %s", places[0])
	if fromHere != "" {
		places = append(places, fromHere+" on this machine")
	}
	if len(places) > 1 {
		line += fmt.Sprintf(" (or %s)", strings.Join(places[1:], ", "))
	}
	return line
}

// ownUnknown reports whether the server listens on all addresses, and they are not
// known.
func (i invitation) ownUnknown() bool { return i.bound[0].IsUnspecified() && len(i.own) == 0 }

// reachable returns the addresses at which other machines reach the server, IPv4
// first because the GUI client knows only that, and the HOST:PORT at which this
// machine does, if that is another one.
func (i invitation) reachable() (fromOthers []netip.Addr, fromHere string) {
	candidates := i.bound
	if addr := i.bound[0]; addr.IsUnspecified() {
		fromHere = fmt.Sprintf("localhost:%d", i.port)
		candidates = slices.DeleteFunc(slices.Clone(i.own), func(own netip.Addr) bool {
			return addr.Is4() && !own.Is4()
		})
	}
	var linkLocal []netip.Addr
	for _, addr := range candidates {
		switch {
		case addr.IsLoopback():
			if fromHere == "" {
				fromHere = netip.AddrPortFrom(addr, i.port).String()
			}
		case !addr.IsLinkLocalUnicast():
			fromOthers = append(fromOthers, addr)
		case addr.Is4() || addr.Zone() != "": // else it leads nowhere
			linkLocal = append(linkLocal, addr)
		}
	}
	if len(fromOthers) == 0 {
		fromOthers = linkLocal
	}
	slices.SortStableFunc(fromOthers, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return fromOthers, fromHere
}
