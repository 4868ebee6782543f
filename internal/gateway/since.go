//go:build linux

package gateway

import (
	"fmt"
	"net/http"
	"strconv"
)

// A Since is what a client says it has of a room: all messages of an epoch up to a
// number. The zero value is nothing.
type Since struct{ Epoch, Number uint64 }

// sinceOf returns what a request says in its query: epoch, in hexadecimal, and after,
// in decimal. It has both or neither.
func sinceOf(r *http.Request) (Since, error) {
	query := r.URL.Query()
	if !query.Has("epoch") && !query.Has("after") {
		return Since{}, nil
	}
	epoch, err := strconv.ParseUint(query.Get("epoch"), 16, 64)
	if err != nil {
		return Since{}, fmt.Errorf("epoch=%q is no number in hexadecimal of 16 digits at most", query.Get("epoch"))
	}
	number, err := strconv.ParseUint(query.Get("after"), 10, 64)
	if err != nil {
		return Since{}, fmt.Errorf("after=%q is not a message's number", query.Get("after"))
	}
	return Since{epoch, number}, nil
}
