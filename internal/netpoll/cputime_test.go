//go:build linux

package netpoll

import (
	"runtime"
	"testing"
	"time"
)

// A thread's CPU time passes while it works and not while it sleeps, and another
// thread has another number.
func TestCPUTime(t *testing.T) {
	p := newPoller(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, begin := p.CPUTime()
	for deadline := time.Now().Add(10 * time.Second); ; {
		id, used := p.CPUTime()
		if id != thread || used < begin {
			t.Fatalf("thread %d after %d; used %v after %v", id, thread, used, begin)
		}
		if used-begin > 10*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no CPU time passes")
		}
	}
	_, before := p.CPUTime()
	time.Sleep(200 * time.Millisecond)
	if _, after := p.CPUTime(); after-before > 100*time.Millisecond {
		t.Errorf("%v passed in a sleep of 200ms", after-before)
	}
	other := make(chan int)
	go func() {
		id, _ := p.CPUTime() // this goroutine's thread is locked
		other <- id
	}()
	if id := <-other; id == thread || id == 0 {
		t.Errorf("another goroutine is on thread %d too", id)
	}
}
