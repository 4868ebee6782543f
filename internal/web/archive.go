//go:build linux

package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"sop-chat/internal/history"
	"sop-chat/internal/limit"
)

const (
	pageSize = 100 // messages that are sent for one turn of the wheel
	mostHits = 200 // messages that a search finds at most, the last ones

	slotsInAll = 4               // of requests of one kind that read the file at the same time
	slotsEach  = 2               // of them for one address
	mayWait    = 5 * time.Second // for a slot
	mayRead    = 2 * time.Second // what takes longer is interrupted
	mayLook    = 1 * time.Second // for parts of words, after whole ones were found

	retryAfter = "5" // seconds, which the page waits before it asks again
)

var (
	errBusy    = errors.New("others are reading the history; try again in a few seconds")
	errTooLong = errors.New("it takes too long; look for fewer or longer words, or for some days only")
)

// An archive answers requests for what was said before, in the room whose key is
// given, as for joining.
type archive struct {
	config          Config
	pages, searches *slots // paging does not wait for searches
	mayRead         time.Duration
	mayLook         time.Duration
}

func newArchive(c Config) *archive {
	return &archive{c, newSlots(slotsInAll, slotsEach), newSlots(slotsInAll, slotsEach), mayRead, mayLook}
}

// A message is one as the page gets it.
type message struct {
	Sequence int64 `json:"sequence"` // its number in the room
	Time     int64 `json:"time"`     // in milliseconds since 1970
	Name     field `json:"name"`
	From     field `json:"from"` // the name it joined with
	Text     field `json:"text"`
	// Parts are the text of one that was found by its words, cut where matches begin and
	// end: every second part is a match.
	Parts []field `json:"parts,omitempty"`
}

// ServeHTTP sends the last messages of the room: of those between the sequences after
// and before, with the words in q, by a client that joined as from, and between the
// times since and until, in milliseconds since 1970; the oldest first.
func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	room, err := a.config.roomOf(r)
	switch {
	case a.config.answersRefusal(w, r, err):
		return
	case err != nil:
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	}
	filter, err := filterOf(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	filter.Room = cmp.Or(room.Name, onlyRoom)
	slots := a.pages
	if isSearch(r.URL.Query()) {
		slots = a.searches
	}
	filter.ForParts = a.mayLook
	messages, err := a.readInTurn(r, slots, filter)
	var incomplete *history.IncompleteError
	switch {
	case errors.Is(err, history.ErrNoWords), errors.Is(err, history.ErrTooManyWords):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case errors.Is(err, errBusy), errors.Is(err, errTooLong):
		tellBusy(w, err)
	case errors.As(err, &incomplete):
		sendMessages(w, messages, incomplete.Since)
	case r.Context().Err() != nil: // nobody waits for the answer
	case err != nil:
		a.config.Logger.Warn("a browser can't be shown what was said", "reason", err)
		http.Error(w, "the history can't be read", http.StatusInternalServerError)
	default:
		sendMessages(w, messages, time.Time{})
	}
}

// tellBusy has the page ask again later.
func tellBusy(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", retryAfter)
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

// onlyRoom is the name in the history of a room that has none: of the only one.
const onlyRoom = "main"

// isSearch reports whether a request is not just for a page of the history.
func isSearch(query url.Values) bool {
	return slices.ContainsFunc([]string{"q", "from", "since", "until"}, query.Has)
}

// filterOf returns which messages a request is for, but for their words.
func filterOf(query url.Values) (history.Filter, error) {
	filter := history.Filter{Last: pageSize, From: query.Get("from")}
	if isSearch(query) {
		filter.Last = mostHits
	}
	var since, until int64
	for _, limit := range []struct {
		name  string
		least int64
		value *int64
		what  string
	}{
		{"after", 0, &filter.After, "a message's sequence"},
		{"before", 1, &filter.Before, "a message's sequence"},
		{"since", 1, &since, "a time in milliseconds since 1970"},
		{"until", 1, &until, "a time in milliseconds since 1970"},
	} {
		if !query.Has(limit.name) {
			continue
		}
		text := query.Get(limit.name)
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < limit.least {
			return filter, fmt.Errorf("%s=%q is not %s", limit.name, text, limit.what)
		}
		*limit.value = n
	}
	if since > 0 {
		filter.Since = time.UnixMilli(since)
	}
	if until > 0 {
		filter.Until = time.UnixMilli(until)
	}
	return filter, nil
}

// readInTurn reads what a request asks for when there is a slot for it. It releases
// the slot before anything is written: a browser may take its time.
func (a *archive) readInTurn(r *http.Request, of *slots, f history.Filter) ([]message, error) {
	waiting, cancel := context.WithTimeout(r.Context(), mayWait)
	defer cancel()
	release, err := of.take(waiting, limit.RateKey(a.config.Gateway.Peer(r).Addr()))
	if err != nil {
		return nil, errBusy
	}
	defer release()
	reading, cancel := context.WithTimeout(r.Context(), a.mayRead)
	defer cancel()
	messages, err := a.read(reading, f, r.URL.Query().Get("q"), r.URL.Query().Has("q"))
	if err != nil && errors.Is(reading.Err(), context.DeadlineExceeded) {
		err = errTooLong
	}
	return messages, err
}

func (a *archive) read(ctx context.Context, f history.Filter, words string, hasWords bool) ([]message, error) {
	reader, err := history.OpenReader(ctx, a.config.History)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	if !hasWords {
		messages := []message{} // in JSON, nil would be no list
		for m, err := range reader.Messages(ctx, f) {
			if err != nil {
				return nil, err
			}
			messages = append(messages, newMessage(m))
		}
		return messages, nil
	}
	hits, err := reader.Search(ctx, words, f)
	if err != nil {
		return nil, err
	}
	messages := []message{}
	for hit, err := range hits {
		if err != nil {
			return messages, err
		}
		m := newMessage(&hit.Message)
		for _, part := range hit.Parts {
			m.Parts = append(m.Parts, field(part))
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// newMessage returns a copy of a message, which is valid until the next is read.
func newMessage(m *history.Message) message {
	return message{
		Sequence: m.Number,
		Time:     m.Time.UnixMilli(),
		Name:     slices.Clone(m.Wire.Name()),
		From:     field(m.From.Name),
		Text:     slices.Clone(m.Wire.Text()),
	}
}

// sendMessages sends messages one by one: in JSON they could be many times as
// large as they are, and browsers may take their time. If partsSince is not zero,
// parts of words were looked for only in messages from that time on.
func sendMessages(w http.ResponseWriter, messages []message, partsSince time.Time) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	between := ""
	io.WriteString(w, `{"messages":[`)
	for _, m := range messages {
		io.WriteString(w, between)
		if err := encoder.Encode(m); err != nil {
			return // nobody reads it
		}
		between = ","
	}
	io.WriteString(w, "]")
	if !partsSince.IsZero() {
		fmt.Fprintf(w, `,"partsSince":%d`, partsSince.UnixMilli())
	}
	io.WriteString(w, "}\n")
}
