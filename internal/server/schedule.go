//go:build linux

package server

import (
	"container/heap"
	"time"
)

// A schedule is a heap of the audiences that have to run at some time, whatever happens:
// the first one is due first. So a loop with thousands of rooms looks at those alone.
type schedule []*audience

// never is the deadline of what need not run unless something happens.
var never time.Time

// set sets when an audience that has work is due, or never.
func (s *schedule) set(a *audience, due time.Time) {
	a.due = due
	switch scheduled := a.place > 0; {
	case due == never && scheduled:
		heap.Remove(s, int(a.place)-1)
	case scheduled:
		heap.Fix(s, int(a.place)-1)
	case due != never:
		heap.Push(s, a)
	}
}

// first returns when the first audience is due; never if there is none.
func (s schedule) first() time.Time {
	if len(s) == 0 {
		return never
	}
	return s[0].due
}

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = int32(i)+1, int32(j)+1
}

// Push is for container/heap alone.
func (s *schedule) Push(x any) {
	a := x.(*audience)
	*s = append(*s, a)
	a.place = int32(len(*s))
}

// Pop is for container/heap alone.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	a := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	a.place = 0
	return a
}
