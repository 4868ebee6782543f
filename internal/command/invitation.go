package command

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sop-chat/internal/console"
	"sop-chat/internal/english"
	"sop-chat/internal/rooms"
)

// invite writes where the server listens, which rooms it has if there are several or
// named ones, and how to join.
func invite(out io.Writer, port uint16, bound []netip.Addr, maxClients int, all []rooms.Room, personal bool) {
	i := invitation{port: port, bound: bound, own: ownAddresses(), maxClients: maxClients, rooms: all, personal: personal}
	fmt.Fprint(out, i)
}

// An invitation is the server's message when it begins to listen.
type invitation struct {
	port       uint16
	bound      []netip.Addr // the addresses that the server listens on
	own        []netip.Addr // all of the machine's, or none if they are not known
	maxClients int
	rooms      []rooms.Room // none if there is only one, without a name
	personal   bool         // only keys of persons open it
	isTLS      bool
	names      []string // by which others reach the server, if not by its addresses
}

// mostRooms is how many rooms are named at the start: what can be read at a glance.
const mostRooms = 10

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

// String returns two lines: where the server listens, and how to join. With named rooms
// there is one more, which names them.
func (i invitation) String() string {
	with := ""
	if i.isTLS {
		with = " with TLS"
	}
	lines := fmt.Sprintf("sop-chat: listening%s on port %d, %s; %s\nsop-chat: %s\n",
		with, i.port, i.where(), i.capacity(), i.how())
	if len(i.rooms) > 0 {
		lines += fmt.Sprintf("sop-chat: the %s: %s\n", english.Noun(len(i.rooms), "room"), roomNames(i.rooms))
	}
	return lines
}

// beside returns a line for a port that the server has besides another.
func (i invitation) beside() string {
	return fmt.Sprintf("sop-chat: with TLS on port %d, %s: %s\n", i.port, i.where(), i.how())
}

// command returns the beginning of the command that joins.
func (i invitation) command() string {
	if i.isTLS {
		return "sop-chat join --tls"
	}
	return "sop-chat join"
}

// roomNames returns the names of some rooms, as they can be shown.
func roomNames(all []rooms.Room) string {
	var names []string
	for _, room := range all[:min(len(all), mostRooms)] {
		names = append(names, shownRoom(room.Name))
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// shownRoom returns the name of a room between quotes, in which nothing acts on a
// terminal.
func shownRoom(name string) string { return string(console.AppendQuoted(nil, []byte(name))) }

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
	if len(i.rooms) == 0 {
		return capacityOf(i.maxClients)
	}
	text := english.Count(len(i.rooms), "room")
	first := i.rooms[0].MaxClients
	if slices.ContainsFunc(i.rooms, func(room rooms.Room) bool { return room.MaxClients != first }) {
		return text
	}
	text += ", " + capacityOf(first)
	if len(i.rooms) > 1 {
		text += " in each"
	}
	return text
}

func capacityOf(maxClients int) string {
	if maxClients == 0 {
		return "any number of clients"
	}
	return "at most " + english.Count(maxClients, "client")
}

// key is what one needs to join.
func (i invitation) key() string {
	if i.personal {
		return "a key of their own"
	}
	if len(i.rooms) > 1 {
		return "the key of a room"
	}
	return "the key"
}

// how returns the command that joins, as it is typed on another machine.
func (i invitation) how() string {
	if len(i.names) > 0 {
		return fmt.Sprintf("others join with %s: %s %s", i.key(), i.command(), net.JoinHostPort(i.names[0], strconv.Itoa(int(i.port))))
	}
	if i.ownUnknown() {
		return fmt.Sprintf("others join with %s and an address of this machine: %s ADDRESS:%d (or localhost:%[3]d here)", i.key(), i.command(), i.port)
	}
	fromOthers, fromHere := i.reachable()
	if len(fromOthers) == 0 {
		return fmt.Sprintf("only this machine can join, with %s: %s %s", i.key(), i.command(), fromHere)
	}
	// A machine may have dozens, for containers and tunnels.
	const most = 4
	var places []string
	for _, addr := range fromOthers[:min(len(fromOthers), most)] {
		places = append(places, netip.AddrPortFrom(addr, i.port).String())
	}
	line := fmt.Sprintf("others join with %s: %s %s", i.key(), i.command(), places[0])
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
