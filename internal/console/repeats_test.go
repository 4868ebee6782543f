package console

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sop-chat/internal/broadcast"
)

// A visitor has come so many times from an address.
func visitor(id uint64, addr string) *broadcast.Sender {
	return &broadcast.Sender{ID: id, Name: "eve", Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 4711)}
}

// Of the wrong keys from one address the first are shown, then how many more
// there were, although nothing else happens; and those from another address
// are shown in the meantime.
func TestRepeatedRefusals(t *testing.T) {
	for _, test := range []struct {
		options   Options
		line, sum string
	}{
		{Options{}, `* "eve" from 192.0.2.7:4711 gave the key "guess": refused, wrong key`, "* and 8,211 more in 10 s from 192.0.2.7: refused, wrong key\n"},
		{Options{Format: JSON}, `"event":"refused"`, `"event":"repeated","address":"192.0.2.7","reason":"refused, wrong key","count":8211,"seconds":10}` + "\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out lockedBuffer
			r := open(t, New(&out, test.options), backlog)
			for range refusalsEach + 8211 {
				r.log.Announce(&broadcast.Notice{Kind: broadcast.Refused, From: visitor(1, "192.0.2.7"), Key: "guess", Reason: "wrong key", Time: time.Now()})
				r.log.Wake(nil)
				synctest.Wait()
			}
			r.log.Announce(&broadcast.Notice{Kind: broadcast.Refused, From: visitor(2, "2001:db8::1"), Key: "kye", Reason: "wrong key", Time: time.Now()})
			r.log.Wake(nil)
			synctest.Wait()
			if !strings.Contains(out.String(), "2001:db8::1") {
				t.Errorf("another's wrong key is not shown:\n%s", out.String())
			}
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := strings.Count(out.String(), test.line); n < refusalsEach || n > refusalsEach+1 || !strings.HasSuffix(out.String(), test.sum) {
				t.Errorf("%d are shown, want %d, and then %s:\n%s", n, refusalsEach, test.sum, out.String())
			}
			r.close()
		})
	}
}

// A lockedBuffer can be read while a console writes to it.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// However many addresses wrong keys come from, there are few lines.
func TestRefusalsFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := open(t, New(&out, Options{}), backlog)
		for i := range 3000 {
			r.log.Announce(&broadcast.Notice{Kind: broadcast.Refused, From: visitor(1, fmt.Sprintf("10.0.%d.%d", i/200, i%200)), Key: "guess", Reason: "wrong key", Time: time.Now()})
			r.log.Wake(nil)
			synctest.Wait()
		}
		r.close()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; len(lines) > refusalsInAll+25 || !strings.HasSuffix(last, "more in 10 s from other addresses: refused") {
			t.Errorf("%d lines, and the last is %q", len(lines), last)
		}
	})
}

// Of a client that joins and leaves in a loop, the first visits are shown, each
// as a whole, and nothing of the others but how many there were. One that was
// inside before is shown to leave.
func TestRepeatedJoins(t *testing.T) {
	var out bytes.Buffer
	c, f := New(&out, Options{}), &feed{}
	visits := func(id uint64, kinds ...broadcast.NoticeKind) {
		for _, kind := range kinds {
			n := &broadcast.Notice{Kind: kind, From: visitor(id, "192.0.2.7"), Key: "key", Time: noon}
			printBatch(c, f, []broadcast.Entry{{Notice: n}}, noon)
		}
	}
	visits(1, broadcast.Accepted, broadcast.Joined)
	for id := range uint64(1000) {
		visits(id+2, broadcast.Accepted, broadcast.Joined, broadcast.Left)
	}
	visits(1, broadcast.Left)
	c.endFeed(f)
	c.out.flush()
	for what, want := range map[string]int{": accepted\n": joinsEach + 1, " joined\n": joinsEach, " left\n": joinsEach} {
		if n := strings.Count(out.String(), what); n != want {
			t.Errorf("%q is shown %d times, want %d", what, n, want)
		}
	}
	if !strings.HasSuffix(out.String(), "* and 951 more in 10 s from 192.0.2.7: accepted\n") || len(f.unseen) > 0 {
		t.Errorf("%d are kept, and the end is %q", len(f.unseen), out.String()[len(out.String())-80:])
	}
}

// If notices are missing, the addresses in them are forgotten.
func TestUnseenAreForgotten(t *testing.T) {
	c, f := New(&bytes.Buffer{}, Options{}), &feed{}
	for id := range uint64(1000) {
		printBatch(c, f, []broadcast.Entry{{Notice: &broadcast.Notice{Kind: broadcast.Accepted, From: visitor(id, "192.0.2.7"), Time: noon}}}, noon)
	}
	printBatch(c, f, []broadcast.Entry{{SkippedNotices: 1}}, noon)
	if n := len(f.unseen); n > 0 {
		t.Errorf("%d are kept", n)
	}
}

// When nobody will ever read the output, nothing is left to say, and the
// console sleeps.
func TestRepeatsWithoutOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone atomic.Bool
		r := open(t, New(writerFunc(func(p []byte) (int, error) {
			if gone.Load() {
				return 0, syscall.EPIPE
			}
			return len(p), nil
		}), Options{}), backlog)
		refuse := func() {
			for range 2 * refusalsEach {
				r.log.Announce(&broadcast.Notice{Kind: broadcast.Refused, From: visitor(1, "192.0.2.7"), Time: time.Now()})
			}
			r.log.Wake(nil)
			synctest.Wait()
		}
		refuse()
		gone.Store(true)
		r.announce("alice") // there is something to write, and later a sum
		time.Sleep(time.Minute)
		r.close()
	})
}
