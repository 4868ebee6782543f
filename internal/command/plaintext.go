package command

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"sop-chat/internal/english"
)

// An endpoint is where clients reach the server.
type endpoint struct {
	name        string
	isReachable bool // from other machines
	isEncrypted bool // for those
}

// endpoints returns the endpoints of a server that listens on some addresses, and on
// others for the page if there is one.
func (o *serveOptions) endpoints(bound, page []netip.Addr) []endpoint {
	var all []endpoint
	if !o.tls.noPlain {
		all = append(all, endpoint{name: fmt.Sprintf("port %d", o.port), isReachable: othersReach(bound, false)})
	}
	if o.web.at.port != 0 {
		all = append(all, endpoint{
			name:        "the page",
			isReachable: othersReach(page, len(o.web.urls) > 0),
			isEncrypted: o.certs.areSet() || o.web.isEncrypted(),
		})
	}
	return all
}

// isEncrypted reports whether a proxy encrypts what others exchange with the page.
func (w *webOptions) isEncrypted() bool {
	return len(w.urls) > 0 && !slices.ContainsFunc(w.urls, func(url string) bool { return !strings.HasPrefix(url, "https:") })
}

// warnOfPlaintext says at which endpoints others reach the server without encryption.
func warnOfPlaintext(out io.Writer, all []endpoint) {
	var names []string
	for _, e := range all {
		if e.isReachable && !e.isEncrypted {
			names = append(names, e.name)
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(out, "sop-chat: %s %s not encrypted: anyone on the network in between can read keys and messages\n",
			strings.Join(names, " and "), english.Are(len(names)))
	}
}
