package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A past is the messages that a client has missed and that are no longer in the
// server's memory. They are fetched from its history, if it has one.
type past struct {
	site   *site
	ctx    context.Context // done when the client is closed
	cancel context.CancelFunc

	next, end uint64    // those numbers are to be fetched
	fetched   []Message // and not returned yet
	over      bool      // all is returned that can be
}

const (
	// maxPast is how many messages are fetched at most, the latest. Meanwhile nothing
	// is read from the room.
	maxPast = 10_000
	// pastPage is how many messages an answer has at most.
	pastPage = 100
	// maxPastPage is more bytes than they have in JSON.
	maxPastPage = 4 << 20
	// pageAttempts is how often a page is asked for while the server is busy.
	pageAttempts = 4
	// maxRetryAfter is how long the pauses between are at most.
	maxRetryAfter = 5 * time.Second
)

// newPast returns the past with the numbers from next to end.
func newPast(s *site, o options, next, end uint64) *past {
	p := &past{site: s, next: next, end: end}
	if end-next >= maxPast {
		p.next = end + 1 - maxPast
	}
	if o.conn != nil {
		p.next = end + 1 // there is no way to make another connection
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

func (p *past) close() {
	p.over = true
	p.cancel()
	p.site.close()
}

// message returns the next message. It reports false if there are no more, or if the
// server does not have them. With an error nothing is lost: they can be fetched later.
func (p *past) message(ctx context.Context) (m Message, ok bool, err error) {
	for len(p.fetched) == 0 {
		if p.next > p.end {
			return Message{}, false, nil
		}
		end := min(p.end, p.next+pastPage-1)
		messages, err := p.fetch(ctx, p.next, end)
		switch _, isGone := errors.AsType[*goneError](err); {
		case isGone:
			end = p.end
		case err != nil:
			return Message{}, false, err
		}
		p.fetched, p.next = messages, end+1
	}
	m, p.fetched = p.fetched[0], p.fetched[1:]
	return m, true, nil
}

// A busyError says that the server may answer later, a goneError that it won't.
type (
	busyError struct{ after time.Duration }
	goneError struct{ status string }
)

func (e *busyError) Error() string { return "others are reading the history" }
func (e *goneError) Error() string { return fmt.Sprintf("the history answers %q", e.status) }

// fetch returns the messages from first to last that the history has.
func (p *past) fetch(ctx context.Context, first, last uint64) (messages []Message, err error) {
	for range pageAttempts {
		messages, err = p.get(ctx, first, last)
		if ctx.Err() != nil && err != nil {
			return nil, context.Cause(ctx)
		}
		busy, isBusy := errors.AsType[*busyError](err)
		if !isBusy {
			break
		}
		select {
		case <-time.After(busy.after):
		case <-ctx.Done():
		case <-p.ctx.Done():
		}
	}
	if _, isGone := errors.AsType[*goneError](err); err == nil || isGone {
		return messages, err
	}
	return nil, fmt.Errorf("what was missed can't be fetched: %s", words(plainError(err)))
}

// get asks for the messages from first to last once.
func (p *past) get(ctx context.Context, first, last uint64) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	query := url.Values{"after": {strconv.FormatUint(first-1, 10)}, "before": {strconv.FormatUint(last+1, 10)}}
	response, err := p.site.get(ctx, "api/messages?"+query.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, &busyError{min(time.Duration(max(1, seconds))*time.Second, maxRetryAfter)}
	default:
		return nil, &goneError{response.Status}
	}
	var answer struct {
		Messages []struct {
			Sequence         uint64
			Time             int64
			Name, From, Text bytesInJSON
		}
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxPastPage)).Decode(&answer); err != nil {
		return nil, err
	}
	var messages []Message
	for _, m := range answer.Messages {
		if m.Sequence < first || m.Sequence > last {
			return nil, fmt.Errorf("the history answers with number %d instead of %d to %d", m.Sequence, first, last)
		}
		first = m.Sequence + 1
		messages = append(messages, Message{
			Number: m.Sequence, Time: time.UnixMilli(m.Time),
			Name: string(m.Name), From: strings.TrimSpace(string(m.From)), Text: string(m.Text),
		})
	}
	return messages, nil
}
