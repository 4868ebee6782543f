package command

import (
	"log/slog"
	"strings"
	"testing"
)

// However many clients an operator kicks, each is logged.
func TestActsAreAllLogged(t *testing.T) {
	var out strings.Builder
	handler, flush := newRepeatsHandler(slog.NewTextHandler(&out, nil))
	defer flush()
	logger := slog.New(handler)
	const acts = 5 * recordsInAll
	for range acts {
		logger.Info("an operator acts", "command", "kick", actorKey, "root")
	}
	if got := strings.Count(out.String(), "command=kick"); got != acts {
		t.Errorf("%d of %d acts are logged", got, acts)
	}
}
