package e2e

import (
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// A browser that reads slowly, but steadily, stays during a flood: what lies
// between the log and the browser is so little that its progress shows.
func TestWebSlowReaderStays(t *testing.T) {
	t.Parallel()
	srv := startWeb(t, "--max-clients", "0", "--stall-timeout", "3s", "--backlog", "4MiB", "--console", "off")
	slow := srv.visit(0, upgrade+authFrame(key))
	flooder := join(t, srv.server, "flooder")
	beside(t, func() error { return flooder.floodUntil(t.Context().Done(), new(atomic.Int64)) })
	beside(t, func() error { _, err := io.Copy(io.Discard, flooder); return err })

	next := time.NewTicker(100 * time.Millisecond)
	defer next.Stop()
	const atOnce = 6000 // 60 KB/s
	for n := range scaled(120, 600) {
		<-next.C
		slow.SetReadDeadline(time.Now().Add(testTimeout))
		if _, err := io.CopyN(io.Discard, slow, atOnce); err != nil {
			t.Fatalf("after %d KB: %v", n*atOnce/1000, err)
		}
	}
}
