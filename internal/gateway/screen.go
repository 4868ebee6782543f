//go:build linux

package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"sop-chat/internal/origin"
)

// An AddressRefusal says that a request is not answered because of its address.
type AddressRefusal struct {
	Why   origin.Verdict
	Until time.Time // when it is worth asking again
}

func (e *AddressRefusal) Error() string {
	switch e.Why {
	case origin.Denied:
		return "your address is not allowed here"
	case origin.Barred:
		return "your address is banned here"
	}
	what := "too many wrong keys came from your address"
	if e.Why == origin.TooFrequent {
		what = "too many connections come from your address"
	}
	return fmt.Sprintf("%s; try again in %v", what, time.Duration(e.seconds())*time.Second)
}

// seconds returns for how long not to ask again.
func (e *AddressRefusal) seconds() int {
	return max(1, int((time.Until(e.Until)+time.Second-1)/time.Second))
}

// Answer answers the request.
func (e *AddressRefusal) Answer(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	if e.Why == origin.Denied || e.Why == origin.Barred {
		http.Error(w, e.Error(), http.StatusForbidden)
		return
	}
	w.Header().Set("Retry-After", strconv.Itoa(e.seconds()))
	http.Error(w, e.Error(), http.StatusTooManyRequests)
}

// Screen answers requests from addresses that are denied.
func (g *Gateway) Screen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.config.Addresses.Denies(g.Peer(r).Addr()) {
			g.RefuseAddress(w, r, &AddressRefusal{Why: origin.Denied})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RefuseAddress answers a request because of its address, and logs that.
func (g *Gateway) RefuseAddress(w http.ResponseWriter, r *http.Request, why *AddressRefusal) {
	g.LogRefusal(r, errors.New(why.Why.String()))
	why.Answer(w)
}

// mayConnect decides whether a WebSocket may be opened.
func (g *Gateway) mayConnect(r *http.Request) *AddressRefusal {
	v, until := g.config.Addresses.Connect(g.Peer(r).Addr(), time.Now())
	if v == origin.Pass {
		return nil
	}
	return &AddressRefusal{v, until}
}

// mayReach reports whether a connection from an address is accepted. Who is behind a trusted
// proxy is known from requests alone.
func (g *Gateway) mayReach(from netip.Addr) bool {
	if g.trusts(from) || !g.config.Addresses.Denies(from) {
		return true
	}
	g.logRefusal(from, errors.New(origin.Denied.String()))
	return false
}
