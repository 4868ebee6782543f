//go:build linux

package torture

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sop-chat/internal/wire"
)

// missedWait is how long a page tries to get what it has missed, before it connects anew.
const missedWait = 10 * time.Second

// catchUp gets what was said up to a number while the page was away from the history of a server,
// whose memory does not have it any more. It reports whether it got all of it.
func (c *pageClient) catchUp(server int, number uint64) bool {
	ctx, cancel := context.WithTimeout(c.ctx, missedWait)
	defer cancel()
	var missed []Event // the last first
	for next := number; next > c.after+1; {
		some, _ := c.older(ctx, server, c.after, next)
		if len(some) == 0 || some[len(some)-1].Sequence != next-1 { // it may not be written yet
			if !c.pause(100*time.Millisecond) || ctx.Err() != nil {
				return false
			}
			continue
		}
		for _, m := range slices.Backward(some) {
			if m.Sequence != next-1 {
				break
			}
			next--
			missed = append(missed, m.event(c.id))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range slices.Backward(missed) {
		c.see(e)
	}
	return true
}

// A keptMessage is one as /api/messages has it.
type keptMessage struct {
	Sequence uint64
	Name     string
	Text     string
}

// older returns the last of the messages between two numbers.
func (c *pageClient) older(ctx context.Context, server int, after, before uint64) ([]keptMessage, error) {
	url := fmt.Sprintf("http://%s/api/messages?after=%d&before=%d", c.addresses[server].page, after, before)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+base64.StdEncoding.EncodeToString([]byte(keyOf(c.room))))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	var page struct{ Messages []keptMessage }
	err = json.NewDecoder(response.Body).Decode(&page)
	return page.Messages, err
}

// event returns the event of receiving the message.
func (m keptMessage) event(client int32) Event {
	of, ok := parseMessage(m.Text)
	sent := encode(of)
	isSent := m.Name == shown(sent[:wire.NameSize]) && m.Text == shown(sent[wire.NameSize:])
	isTyped := m.Name == nameOf(of.Client) && m.Text == typed(of)
	if !ok || !isSent && !isTyped {
		return Event{Kind: Invented, Client: client}
	}
	return Event{Kind: Received, Client: client, Message: of, Number: m.Sequence}
}

// shown returns a field up to its end, as JSON of the server comes out of package json: it has a
// lone surrogate for each byte that is no UTF-8, and those become U+FFFD.
func shown(field []byte) string {
	field, _, _ = bytes.Cut(field, []byte{0})
	var out strings.Builder
	for len(field) > 0 {
		r, size := utf8.DecodeRune(field)
		out.WriteRune(r)
		field = field[size:]
	}
	return out.String()
}

// Pages that were cut off for longer than the server's memory goes back get what they have missed
// from the history.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	host := network() + "11"
	s := startServer(t, "kept", host, "--history", historyFile)
	pages := newLink(t, host, s.page)
	l := startLoad(t, 1, []address{{s.chat, pages.address()}}, 2, 1, 3*time.Millisecond)
	l.pause(100 * time.Millisecond)
	pages.set(cut)
	before := l.said()
	const enough = 3000 // in all rooms; the memory goes back by 512 in each
	if !eventually(time.Minute, func() bool { return l.said() > before+enough }) {
		t.Fatalf("only %d messages are said", l.said()-before)
	}
	pages.set(whole)
	judge(t, l, time.Minute)
	gaps := 0
	for _, e := range l.finish().Events {
		if e.Kind == Joined && e.Number > 0 && e.First > e.Number+1 {
			gaps++
		}
	}
	if gaps < len(rooms) {
		t.Errorf("only %d pages had missed something", gaps)
	}
	s.finish(t)
}

// A message in a history is the one that was sent, and another one is none.
func TestKeptMessage(t *testing.T) {
	t.Parallel()
	for count := range int32(50) {
		sent := Message{Client: 3, Count: count}
		whole := encode(sent)
		kept := keptMessage{7, shown(whole[:wire.NameSize]), shown(whole[wire.NameSize:])}
		if got, want := kept.event(9), (Event{Kind: Received, Client: 9, Message: sent, Number: 7}); got != want {
			t.Errorf("%v, want %v", got, want)
		}
		kept.Text += "x"
		if got := kept.event(9); got.Kind != Invented {
			t.Errorf("%q is taken for %v", kept.Text, got)
		}
	}
}
