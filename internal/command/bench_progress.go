package command

import (
	"fmt"

	"sop-chat/internal/bench"
	"sop-chat/internal/english"
)

// describeProgress returns a line about the progress of a run.
func describeProgress(p bench.Progress) string {
	details := fmt.Sprintf("%.2f million deliveries/s", p.Deliveries/1e6)
	if p.Phase == bench.Joining {
		details = english.Count(p.Joined, "client")
	}
	return barLine(phaseName(p.Phase), p.Part, details)
}

func phaseName(p bench.Phase) string {
	switch p {
	case bench.Joining:
		return "joining"
	case bench.WarmingUp:
		return "warming up"
	case bench.Measuring:
		return "measuring"
	default:
		return "waiting" // for the last messages
	}
}
