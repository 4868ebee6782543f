package command

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// Every step is done, also after one that fails. The log and the error say all that was
// wrong.
func TestReload(t *testing.T) {
	var log strings.Builder
	var did []string
	var wrong []*reloadError
	r := &reloader{logger: slog.New(slog.NewTextHandler(&log, nil)), steps: []reloadStep{
		func() []*reloadError { did = append(did, "rooms"); return wrong },
		nil,
		func() []*reloadError { did = append(did, "keys"); return nil },
	}}
	for _, test := range []struct {
		wrong     []*reloadError
		err, logs string
	}{
		{nil, "", `level=INFO msg=reloaded`},
		{
			[]*reloadError{
				{what: "a room could not be opened", about: []any{"room", "a", "at", "f:2"}, err: errors.New("no")},
				{what: "a room could not be closed", err: errors.New("never")},
			},
			"a room could not be opened, room a, at f:2: no\na room could not be closed: never",
			`level=ERROR msg="a room could not be opened" room=a at=f:2 error=no, level=ERROR msg="a room could not be closed" error=never`,
		},
	} {
		log.Reset()
		did, wrong = nil, test.wrong
		got := ""
		if err := r.Reload(); err != nil {
			got = err.Error()
		}
		if got != test.err || strings.Join(did, " ") != "rooms keys" {
			t.Errorf("did %q, and returned %q, want %q", did, got, test.err)
		}
		var lines []string
		for line := range strings.Lines(log.String()) {
			_, said, _ := strings.Cut(strings.TrimSpace(line), " ")
			lines = append(lines, said)
		}
		if got := strings.Join(lines, ", "); got != test.logs {
			t.Errorf("the log is\n%s\nwant\n%s", got, test.logs)
		}
	}
}

// Requests are done one after the other, until the end. After that nothing is reloaded.
func TestReloadRequests(t *testing.T) {
	reading := make(chan int)
	n := 0
	r := &reloader{logger: slog.New(slog.DiscardHandler), steps: []reloadStep{func() []*reloadError {
		n++
		reading <- n
		return nil
	}}}
	requests := make(chan struct{})
	end := r.start(context.Background(), requests)
	for i := range 3 {
		requests <- struct{}{}
		if got := <-reading; got != i+1 {
			t.Errorf("reading %d is number %d", i+1, got)
		}
	}
	end()
	if err := r.Reload(); !errors.Is(err, errEnding) {
		t.Errorf("after the end: %v", err)
	}
}
