package console

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// A running server may be replaced by another program, which goes on with the rooms' logs
// and with the output. What has been printed then, and what was left out, has to be told to
// its console.

// A Former is what a console passes on to another that prints to the same output from then
// on.
type Former struct {
	Rest   []byte              `json:",omitempty"` // of a line that was written in part
	Fails  bool                `json:",omitempty"` // the output fails, and the logger knows
	Gone   bool                `json:",omitempty"` // nobody will ever read the output again
	Unseen map[string][]uint64 `json:",omitempty"` // by room: those inside whose joining was not shown
}

// A flush is a request to print what there is.
type flush struct{ done chan Former }

// errStuck is the error of a flush that takes too long.
var errStuck = errors.New("nobody reads standard output, and what waits for it would be lost; have it read, and try again")

// Flush has Run print all that has happened before, and returns what another console needs
// to go on, or an error if that is not printed before ctx is done. Run must be running.
func (c *Console) Flush(ctx context.Context) (Former, error) {
	f := &flush{make(chan Former, 1)}
	c.flush.Store(f)
	defer c.flush.CompareAndSwap(f, nil)
	c.group.Interrupt()
	select {
	case former := <-f.done:
		return former, nil
	case <-ctx.Done():
		return Former{}, errStuck
	}
}

// flushed answers a request when there is nothing more to print.
func (c *Console) flushed(request *flush) {
	c.begin(time.Now())
	for _, w := range c.windows {
		if !c.out.gone {
			c.endWindow(w.feed, w.kind)
		}
	}
	c.windows = nil
	c.out.flush()
	former := Former{Rest: slices.Clone(c.out.buf), Fails: c.out.fails, Gone: c.out.gone, Unseen: make(map[string][]uint64)}
	var lost counts
	for _, owner := range c.group.Owners() {
		f := owner.(*feed)
		if len(f.unseen) > 0 {
			former.Unseen[f.name] = slices.Sorted(maps.Keys(f.unseen))
		}
		lost.messages += f.lost.messages
		lost.events += f.lost.events
	}
	if lost.any() {
		c.out.logger.Warn("the console still cannot write", "messages", lost.messages, "events", lost.events)
	}
	if c.flush.CompareAndSwap(request, nil) {
		request.done <- former
	}
}

// goOn begins with what another console has passed on.
func (c *Console) goOn(former Former) {
	c.former = former
	c.out.fails, c.out.gone = former.Fails, former.Gone
	if c.out.cut = len(former.Rest) > 0; c.out.cut {
		c.out.buf = slices.Clone(former.Rest)
		c.out.endLine(nil, counts{})
	}
}

// takeFormer gives a new feed what another console has passed on of its room.
func (c *Console) takeFormer(f *feed) {
	for _, id := range c.former.Unseen[f.name] {
		if f.unseen == nil {
			f.unseen = make(map[uint64]struct{})
		}
		f.unseen[id] = struct{}{}
	}
}
