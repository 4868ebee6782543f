package broadcast

import (
	"slices"
	"sync"
)

// A Watcher reads nothing of a log. It is told when the log takes messages again, or more
// of them: when a hold ends, or the pressure.
type Watcher struct {
	log  *Log
	wake func()
}

// watchers are those of a log. The lock is held while they are told, so that none is told
// anything once it has left.
type watchers struct {
	mu  sync.Mutex
	all []*Watcher
}

// Watch adds a watcher. wake is called, from any goroutine, when a hold or the pressure
// has ended; it must neither block nor call the log, nor add or remove a watcher.
func (l *Log) Watch(wake func()) *Watcher {
	w := &Watcher{l, wake}
	if l.watchers.Load() == nil {
		l.watchers.CompareAndSwap(nil, new(watchers)) // or another has
	}
	s := l.watchers.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, w)
	return w
}

// Leave removes the watcher. When it returns, nothing tells it anything any more.
func (w *Watcher) Leave() {
	s := w.log.watchers.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(other *Watcher) bool { return other == w })
}

// ease wakes all readers, and the watchers, because a hold or the pressure has ended.
func (l *Log) ease() {
	l.wake(nil)
	s := l.watchers.Load()
	if s == nil { // as of nearly all logs
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.all {
		w.wake()
	}
}
