//go:build linux

package server

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/testenv"
	"sop-chat/internal/wire"
)

// A pricedKernel is the real kernel on a machine where each byte has a price, in
// picoseconds.
type pricedKernel struct {
	kernel
	price [2]int // by sendMode
	used  time.Duration
	asked int    // calls of CPUTime
	sent  [2]int // bytes, since they were last set to 0
}

func (k *pricedKernel) CPUTime() (thread int, used time.Duration) {
	k.asked++
	return 1, k.used / 1000
}

func (k *pricedKernel) Send(fd int, stretches [][]byte) (int, syscall.Errno) {
	n, errno := k.kernel.Send(fd, stretches)
	k.spend(copies, n)
	return n, errno
}

func (k *pricedKernel) Sendfile(fd, file int, offset int64, n int) (int, syscall.Errno) {
	n, errno := k.kernel.Sendfile(fd, file, offset, n)
	k.spend(references, n)
	return n, errno
}

func (k *pricedKernel) spend(mode sendMode, bytes int) {
	k.sent[mode] += bytes
	k.used += time.Duration(bytes * k.price[mode])
}

// A loop finds out which mode costs less, and follows when that changes. Small
// batches are copied whatever the mode is.
func TestLoopFindsTheCheaperMode(t *testing.T) {
	const size = 128 * wire.Size
	f := newFanOut(t, 8, raw)
	f.loop.common.output.limits.members = 4
	if !f.loop.common.output.mayRefer() {
		testenv.Lacks(t, "memory that can be sent by reference")
	}
	k := &pricedKernel{kernel: f.loop.kernel}
	f.loop.kernel = k
	f.loop.common.output.sending.learn(trialLimits{cost: 100 * time.Microsecond, wins: 3, losses: 2, rest: 10, maxRest: 10})
	messages := make([]byte, size)
	for i, price := range [][2]int{{100, 150}, {150, 100}, {100, 300}} {
		t.Run(fmt.Sprint(price), func(t *testing.T) {
			k.price = price
			cheaper := sendMode(i % 2)
			for range 4000 {
				f.send(messages)
			}
			if mode := f.loop.common.output.sending.chooser.mode; mode != cheaper {
				t.Fatalf("large batches are sent by %v", mode)
			}
			k.sent = [2]int{}
			for range 1000 {
				f.send(messages)
			}
			if k.sent[cheaper] < 9*k.sent[cheaper.other()] {
				t.Errorf("%d bytes were sent by %v, and %d in the mode that costs more", k.sent[cheaper], cheaper, k.sent[cheaper.other()])
			}
		})
	}
	f.loop.common.output.sending.force(references)
	k.sent = [2]int{}
	f.send(messages[:wire.Size])
	if k.sent[references] > 0 {
		t.Errorf("%d bytes of a small batch were sent by reference", k.sent[references])
	}
}

// A mode that is forced stays, whatever it costs.
func TestForcedMode(t *testing.T) {
	for _, mode := range []sendMode{references, copies} {
		t.Run(mode.String(), func(t *testing.T) {
			f := newFanOut(t, 8, raw)
			f.loop.common.output.limits.members = 4
			if !f.loop.common.output.mayRefer() {
				testenv.Lacks(t, "memory that can be sent by reference")
			}
			k := &pricedKernel{kernel: f.loop.kernel}
			k.price[mode] = 1000
			f.loop.kernel = k
			f.loop.common.output.sending.force(mode)
			messages := make([]byte, 128*wire.Size)
			for range 200 {
				f.send(messages)
			}
			if k.sent[mode] == 0 || k.sent[mode.other()] > 0 {
				t.Errorf("%d bytes were sent by %v and %d by %v", k.sent[mode], mode, k.sent[mode.other()], mode.other())
			}
		})
	}
}

// A loop also measures what it sends of others' messages, and of no small batches.
func TestMeterOfOthersMessages(t *testing.T) {
	f := newFanOut(t, 8, raw)
	f.loop.common.output.limits.members = 4
	if !f.loop.common.output.mayRefer() {
		testenv.Lacks(t, "memory that can be sent by reference")
	}
	k := &pricedKernel{kernel: f.loop.kernel}
	f.loop.kernel = k
	log, b := f.room.log, broadcast.NewBatch(128*wire.Size)
	for _, test := range []struct {
		messages int
		measures bool
	}{{1, false}, {128, true}, {1, false}} {
		b.Add(&broadcast.Sender{}, test.messages*wire.Size)
		log.Append(b, time.Time{})
		log.Wake(nil)
		k.asked = 0
		f.turn()
		if measures := k.asked == 2; measures != test.measures || k.asked%2 != 0 {
			t.Errorf("the CPU clock was read %d times for %d messages", k.asked, test.messages)
		}
	}
}
