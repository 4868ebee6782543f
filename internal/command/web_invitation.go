package command

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"sop-chat/internal/qrcode"
)

// A webInvitation says how to join from a browser.
type webInvitation struct {
	invitation          // of the page's port
	urls       []string // where the page is found from outside, if not there
	roomKey    string   // of the only room, if it has no name
	hideKey    bool     // the link does not have it
	isHTTPS    bool
}

// pages returns the addresses at which others find the page, or this machine if there
// are none.
func (w webInvitation) pages() (pages []string, onlyHere bool) {
	if len(w.urls) > 0 {
		return w.urls, false
	}
	scheme := "http://"
	if w.isHTTPS {
		scheme = "https://"
	}
	for _, name := range w.names {
		pages = append(pages, scheme+w.host(name))
	}
	if len(pages) > 0 {
		return pages, false
	}
	fromOthers, fromHere := w.reachable()
	for _, addr := range fromOthers {
		if addr.Zone() == "" { // browsers know no zones
			pages = append(pages, scheme+netip.AddrPortFrom(addr, w.port).String())
		}
	}
	if len(pages) == 0 && fromHere != "" {
		return []string{scheme + fromHere}, true
	}
	return pages, false
}

// host returns a host name or an address with the port, as it is in a link.
func (w webInvitation) host(name string) string {
	const https = 443
	host := net.JoinHostPort(name, strconv.Itoa(int(w.port)))
	if w.port == https {
		host = strings.TrimSuffix(host, ":443")
	}
	return host
}

// link returns the link by which one joins a room, unless keys are hidden: the key is in
// the part that browsers keep for themselves.
func (w webInvitation) link(page, key string) string {
	page += "/" // without which a path's last part would not count
	if w.hideKey {
		return page
	}
	return page + "#key=" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

// show writes the invitation, on a terminal with a picture of its link to be taken by
// a telephone, if there is one room.
func (w webInvitation) show(out io.Writer, withPicture bool) {
	pages, onlyHere := w.pages()
	switch {
	case len(pages) == 0:
		return
	case len(w.rooms) > 1 && !w.hideKey:
		w.showRooms(out, pages, onlyHere)
		return
	}
	how := "from a browser"
	if w.hideKey {
		how += ", with " + w.key()
	}
	key := w.roomKey
	if len(w.rooms) == 1 {
		key = w.rooms[0].Key
	}
	link := w.link(pages[0], key)
	switch {
	case onlyHere && w.ownUnknown():
		fmt.Fprintf(out, "sop-chat: join %s on this machine: %s\n", how, link)
		fmt.Fprint(out, "sop-chat: others put an address of this machine in the place of localhost\n")
		return
	case onlyHere:
		fmt.Fprintf(out, "sop-chat: only this machine can join %s: %s\n", how, link)
		return
	}
	fmt.Fprintf(out, "sop-chat: others join %s: %s\n", how, link)
	for _, page := range others(pages) {
		fmt.Fprintf(out, "sop-chat: or: %s\n", w.link(page, key))
	}
	if withPicture && len(w.rooms) <= 1 {
		if picture, err := qrcode.Draw(link); err == nil { // or the link is too long for one
			fmt.Fprint(out, picture)
		}
	}
}

// others returns the further addresses of the page that are shown.
func others(pages []string) []string {
	const most = 4
	return pages[1:min(len(pages), most)]
}

// showRooms writes the links to the first rooms.
func (w webInvitation) showRooms(out io.Writer, pages []string, onlyHere bool) {
	who := "others join"
	switch {
	case onlyHere && w.ownUnknown():
		who = "join on this machine"
	case onlyHere:
		who = "only this machine can join"
	}
	fmt.Fprintf(out, "sop-chat: %s from a browser, each room by its link:\n", who)
	for _, room := range w.rooms[:min(len(w.rooms), mostRooms)] {
		fmt.Fprintf(out, "sop-chat: %s: %s\n", shownRoom(room.Name), w.link(pages[0], room.Key))
	}
	if more := len(w.rooms) - mostRooms; more > 0 {
		fmt.Fprintf(out, "sop-chat: and %d more, with the key of each behind #key=\n", more)
	}
	for _, page := range others(pages) {
		fmt.Fprintf(out, "sop-chat: or with %s in the place of %s\n", page, pages[0])
	}
	if onlyHere && w.ownUnknown() {
		fmt.Fprint(out, "sop-chat: others put an address of this machine in the place of localhost\n")
	}
}
