package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The program has at most what talks to NATS, and not the server of NATS, which is large:
// that is in sop-nats only.
func TestNoServerOfNATS(t *testing.T) {
	for folder, want := range map[string]bool{".": false, "./cmd/sop-nats": true} {
		list, err := exec.Command("go", "list", "-deps", folder).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(list), "github.com/nats-io/nats-server/"); got != want {
			t.Errorf("%s has the server of NATS: %v", folder, got)
		}
	}
}
