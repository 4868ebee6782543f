//go:build linux

package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"sop-chat/internal/webhook"
	"sop-chat/internal/wire"
)

// A Hook is what a program may do by the key of a webhook: have something said in a room,
// on behalf of an address.
type Hook func(ctx context.Context, from netip.AddrPort, p webhook.Post) (Said, error)

// Said says where something was said.
type Said struct {
	Room     string `json:"room"`
	Number   uint64 `json:"number,omitempty"` // of the first message; 0 if it is not known yet
	Messages int    `json:"messages"`
}

// ErrLong says that a text is longer than may be said at once.
var ErrLong = errors.New("the text is too long")

// A LaterError says that a text may be said later.
type LaterError struct {
	Why   error
	After time.Duration
}

func (e *LaterError) Error() string { return e.Why.Error() }
func (e *LaterError) Unwrap() error { return e.Why }

// post has a text be said that a program sends.
func (c *Config) post(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	key, isGiven := hookKeyOf(r)
	hook, err := judged(c, r, []byte(key), isGiven, c.Hook)
	switch {
	case c.answersRefusal(w, r, err):
		return
	case err != nil:
		w.Header().Set("WWW-Authenticate", "Bearer")
		why := "wrong key"
		if !isGiven {
			why = `there is no key of a webhook behind "Authorization: Bearer"`
		}
		http.Error(w, why, http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhook.MaxBody))
	if err != nil {
		if _, isLong := errors.AsType[*http.MaxBytesError](err); isLong {
			http.Error(w, fmt.Sprintf("the body has more than %d KiB", webhook.MaxBody>>10), http.StatusRequestEntityTooLarge)
			return
		}
		// Without an answer, HTTP would say 200, and the text would be lost unnoticed.
		http.Error(w, "the body did not come to its end; nothing was said", http.StatusRequestTimeout)
		return
	}
	said, err := c.say(hook, r, body)
	if err != nil {
		tellWhyNot(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said)
}

// say has the text of a body be said.
func (c *Config) say(hook Hook, r *http.Request, body []byte) (Said, error) {
	p, err := webhook.Parse(r.Header.Get("Content-Type"), body)
	if err != nil {
		return Said{}, &badRequest{err}
	}
	return hook(r.Context(), c.Gateway.Peer(r), p)
}

// A badRequest is an error that the program made that sends a request.
type badRequest struct{ err error }

func (e *badRequest) Error() string { return e.err.Error() }
func (e *badRequest) Unwrap() error { return e.err }

// tellWhyNot answers a request whose text was not said.
func tellWhyNot(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	if later, ok := errors.AsType[*LaterError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(later.After.Seconds())))))
		status = http.StatusTooManyRequests
	} else if _, ok := errors.AsType[*webhook.TypeError](err); ok {
		status = http.StatusUnsupportedMediaType
	} else if _, ok := errors.AsType[*badRequest](err); ok {
		status = http.StatusBadRequest
	} else if errors.Is(err, ErrLong) {
		status = http.StatusRequestEntityTooLarge
	}
	http.Error(w, err.Error(), status)
}

// hookKeyOf returns the key of a webhook that a request has: as it is, or as a user and a
// password, which many programs take in the address.
func hookKeyOf(r *http.Request) (key string, isGiven bool) {
	if label, secret, ok := r.BasicAuth(); ok {
		key = label + ":" + secret
		return key, len(key) <= wire.TextSize
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	return key, strings.EqualFold(scheme, "Bearer") && key != "" && len(key) <= wire.TextSize
}
