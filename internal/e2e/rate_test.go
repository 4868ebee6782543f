package e2e

import (
	"fmt"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// A client that sends more than the room's rate is read slower, and all it sent arrives,
// though it is gone by then. Without the rate, which the file of rooms may say while the
// server runs, the rest arrives at once.
func TestRate(t *testing.T) {
	t.Parallel()
	const rate, burst, sent = 40, 10, 50
	const limited = `rate = "40/s"` + "\nrate-burst = 10"
	file := newRoomsFile(t, room("maths", key, limited))
	srv := setup{flags: []string{"--rooms", file.name}, key: []string{}}.start(t)
	listener := join(t, srv, "listener")
	flood := func(n int) (messages []wire.Message) {
		for i := range n {
			messages = append(messages, message("flooder", fmt.Sprintf("flood %d", i)))
		}
		return messages
	}
	flooder := join(t, srv, "flooder")
	begin := time.Now()
	flooder.send(flood(sent)...)
	flooder.Close()
	listener.expect(flood(sent)...)
	if least := time.Second * (sent - burst) / rate; time.Since(begin) < least {
		t.Errorf("%d messages arrive in %v, want %v at least", sent, time.Since(begin), least)
	}
	srv.stdout.waitForLine(t, "flooder", "left")

	const many = 2000 // for which the rate takes most of a minute
	flooder = join(t, srv, "flooder")
	done := beside(t, func() error { _, err := flooder.Write(stream(flood(many)...)); return err })
	listener.expect(flood(many)[:burst]...)
	file.write(room("maths", key))
	srv.reread("the rooms have been read again")
	begin = time.Now()
	listener.expect(flood(many)[burst:]...)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("without a rate, what was said arrives after %v", took)
	}
	wait(done)
}
