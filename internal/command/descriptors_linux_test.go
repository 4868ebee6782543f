package command

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"sop-chat/internal/server"
)

// A few descriptors are kept from connections that have not given a key, and
// some of them from all connections.
func TestShareDescriptors(t *testing.T) {
	for limit, want := range map[int]server.Descriptors{
		0:       {},
		64:      {Short: 56, ForPending: 2, Full: 60},
		256:     {Short: 224, ForPending: 8, Full: 240},
		1024:    {Short: 896, ForPending: 32, Full: 960},
		524_288: {Short: 524_160, ForPending: 32, Full: 524_224},
	} {
		if got := shareDescriptors(limit); got != want {
			t.Errorf("of %d descriptors: %+v, want %+v", limit, got, want)
		}
	}
}

// There is a warning about a limit on clients that can't be reached.
func TestCheckDescriptors(t *testing.T) {
	for _, test := range []struct {
		maxClients, limit int
		warns             bool
	}{{4, 256, false}, {0, 256, false}, {239, 256, false}, {240, 256, true}, {1000, 0, false}} {
		var out bytes.Buffer
		o := serveOptions{maxClients: test.maxClients}
		o.warnOfMaxClients(test.limit, slog.New(slog.NewTextHandler(&out, nil)))
		if got := strings.Contains(out.String(), "level=WARN"); got != test.warns {
			t.Errorf("%+v: %q", test, out.String())
		}
	}
}
