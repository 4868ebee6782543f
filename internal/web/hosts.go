//go:build linux

package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Hosts are the hosts that the page is served for. Anybody can have a name lead
// to the server's address; a page of theirs would then be of the same host as
// the room's, and browsers would let it use the room from where they are (DNS
// rebinding). So the page has to be asked for by an address, which is nobody
// else's, or by a name that the operator gave.
type hosts struct {
	urls  []string // if there are any, only for theirs
	names []string // besides addresses and localhost
}

// serves reports whether a request's host is one of them. Its port does not
// matter: what is somebody else's is the name, and proxies leave the port out.
func (h hosts) serves(host string) bool {
	name := hostname(host)
	if len(h.urls) > 0 {
		return slices.ContainsFunc(h.urls, func(text string) bool {
			u, err := url.Parse(text)
			return err == nil && hostname(u.Host) == name
		})
	}
	_, err := netip.ParseAddr(name)
	return err == nil || name == "localhost" || slices.ContainsFunc(h.names, func(own string) bool { return hostname(own) == name })
}

// hostname returns a host without its port, as it is compared.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// guard answers the requests for other hosts.
func (h hosts) guard(next http.Handler, turnedAway func(*http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.serves(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		turnedAway(r, fmt.Errorf("the page is not served for the host %.100q", r.Host))
		http.Error(w, h.advice(r.Host), http.StatusMisdirectedRequest)
	})
}

// advice says to people who asked for another host what to do.
func (h hosts) advice(host string) string {
	if len(h.urls) > 0 {
		return fmt.Sprintf("The page is not found at %.100q, but at %s. If a proxy stands before it, "+
			"that has to pass on the Host header.", host, strings.Join(h.urls, " or "))
	}
	return fmt.Sprintf("The page is not served for the name %.100q. Open it by the server's address, as in the "+
		"link that the server shows when it starts. If the name is the server's, start it with "+
		"--web-origin and the beginning of the link, such as --web-origin http://chat.example.com:8080.", host)
}
