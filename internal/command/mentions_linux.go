package command

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/webhook"
)

// A mentionReader reads the rooms and posts who is mentioned, if --mention says so. It
// never holds anybody up. It is nil if there is nothing to post.
type mentionReader struct {
	group   *broadcast.Group
	posters []*webhook.Poster
	stop    context.CancelFunc
	reading sync.WaitGroup
}

// A mentionRoom is a room that is read.
type mentionRoom struct {
	name string
	next uint64 // the number of the next message
}

// readMentions begins to read the rooms that are followed from then on.
func readMentions(hooks mentionList, logger *slog.Logger) *mentionReader {
	if len(hooks) == 0 {
		return nil
	}
	r := &mentionReader{group: broadcast.NewGroup()}
	for _, hook := range hooks {
		r.posters = append(r.posters, webhook.NewPoster(hook.name, hook.url, logger))
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.reading.Go(func() { r.run(ctx) })
	return r
}

// follow reads what is published in a room from then on. Nothing may be, meanwhile.
func (r *mentionReader) follow(log *broadcast.Log, room string) {
	if r != nil {
		r.group.FollowSkipping(log, &mentionRoom{cmp.Or(room, roomName), log.Number(log.Head())})
	}
}

// close ends reading and posting.
func (r *mentionReader) close() {
	if r == nil {
		return
	}
	r.stop()
	r.reading.Wait()
	for _, p := range r.posters {
		p.Close()
	}
}

func (r *mentionReader) run(ctx context.Context) {
	defer r.group.Close()
	entries := make([]broadcast.Entry, 64)
	for {
		f, n, err := r.group.Next(ctx, entries)
		if f == nil {
			return
		}
		for i := range entries[:n] {
			r.read(f.Owner().(*mentionRoom), &entries[i])
		}
		if errors.Is(err, io.EOF) {
			f.Close()
		}
	}
}

// read posts a message that mentions one of the names. What programs and the server say is
// left out: two programs could answer each other for ever.
func (r *mentionReader) read(room *mentionRoom, e *broadcast.Entry) {
	switch {
	case e.Skipped > 0:
		room.next += e.Skipped
		for _, p := range r.posters {
			p.Miss(int64(e.Skipped))
		}
		return
	case e.Notice != nil || e.SkippedNotices > 0:
		return
	}
	number := room.next
	room.next++
	if e.From.ID == 0 {
		return
	}
	for _, p := range r.posters {
		if text := string(e.Message.Text()); p.Mentions(e.From.Name, text) {
			p.Post(webhook.Mention{Room: room.name, Name: e.From.Name, Text: text, Number: number, Time: e.Time})
		}
	}
}
