//go:build linux

package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// A Since is what a client says it has of a room: all messages of an epoch up to a
// number; which client it is, by a random number; at which server it was that may have yet to
// deliver something of it, and that it wants to know the number of this one; and whether it
// takes messages that are not said in the room, such as that of the day. The zero value is
// nothing.
type Since struct {
	Epoch, Number, Client, From uint64
	Roams, Motd                 bool
}

// sinceOf returns what a request says in its query: epoch and after, or neither, client,
// from, and motd. The epoch, the client and the server are in hexadecimal.
func sinceOf(r *http.Request) (s Since, err error) {
	query := r.URL.Query()
	if query.Has("epoch") || query.Has("after") {
		if s.Epoch, err = hexadecimal(query, "epoch"); err != nil {
			return Since{}, err
		}
		if s.Number, err = strconv.ParseUint(query.Get("after"), 10, 64); err != nil {
			return Since{}, fmt.Errorf("after=%q is not a message's number", query.Get("after"))
		}
	}
	if query.Has("client") {
		if s.Client, err = hexadecimal(query, "client"); err != nil {
			return Since{}, err
		}
	}
	if s.Roams = query.Has("from"); s.Roams {
		if s.From, err = hexadecimal(query, "from"); err != nil {
			return Since{}, err
		}
	}
	s.Motd = query.Has("motd")
	return s, nil
}

func hexadecimal(query url.Values, name string) (uint64, error) {
	n, err := strconv.ParseUint(query.Get(name), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("%s=%q is no number in hexadecimal of 16 digits at most", name, query.Get(name))
	}
	return n, nil
}
