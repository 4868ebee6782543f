package command

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

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
	flushes atomic.Pointer[chan struct{}] // closed when all has been read; nil: nobody waits for that
}

// leftMentions are mentions that a server has to post as another program.
type leftMentions []leftMention

// A leftMention is one of them.
type leftMention struct {
	Name    string          `json:"name"`
	Address string          `json:"address"`
	Mention webhook.Mention `json:"mention"`
}

// A mentionRoom is a room that is read.
type mentionRoom struct {
	name string
	next uint64 // the number of the next message
}

// readMentions begins to read the rooms that are followed from then on. What is left is
// posted first, as far as it is still to be.
func readMentions(hooks mentionList, left leftMentions, logger *slog.Logger) *mentionReader {
	if len(hooks) == 0 {
		return nil
	}
	r := &mentionReader{group: broadcast.NewGroup()}
	for _, hook := range hooks {
		p := webhook.NewPoster(hook.name, hook.url, logger)
		r.posters = append(r.posters, p)
		for _, m := range left {
			if m.Name == hook.name && m.Address == hook.url {
				p.Post(m.Mention)
			}
		}
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

// hold has nothing more be posted until release is called. It returns when nothing is under
// way, or when ctx is done.
func (r *mentionReader) hold(ctx context.Context) {
	if r == nil {
		return
	}
	for _, p := range r.posters {
		p.Hold(ctx)
	}
}

func (r *mentionReader) release() {
	if r == nil {
		return
	}
	for _, p := range r.posters {
		p.Release()
	}
}

// flush reads what was published before, and returns what has yet to be posted. Nothing may
// be published meanwhile, and nothing be posted.
func (r *mentionReader) flush(ctx context.Context) (left leftMentions, err error) {
	if r == nil {
		return nil, nil
	}
	read := make(chan struct{})
	r.flushes.Store(&read)
	r.group.Interrupt()
	select {
	case <-read:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for _, p := range r.posters {
		for _, m := range p.Waiting() {
			left = append(left, leftMention{p.Name(), p.Address(), m})
		}
	}
	return left, nil
}

func (r *mentionReader) run(ctx context.Context) {
	defer r.group.Close()
	entries := make([]broadcast.Entry, 64)
	for {
		f, n, err := r.group.Next(ctx, entries)
		switch {
		case errors.Is(err, broadcast.ErrInterrupted):
			if read := r.flushes.Swap(nil); read != nil {
				close(*read)
			}
			continue
		case f == nil:
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
// left out: two programs could answer each other for ever. So is what clients of other servers
// say, which post it themselves.
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
	if e.From.ID == 0 || e.From.IsElsewhere() {
		return
	}
	for _, p := range r.posters {
		if text := string(e.Message.Text()); p.Mentions(e.From.Name, text) {
			p.Post(webhook.Mention{Room: room.name, Name: e.From.Name, Text: text, Number: number, Time: e.Time})
		}
	}
}
