package command

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	status, stdout, stderr := result(t, process([]string{"--version"}))
	if status != 0 || stderr != "" {
		t.Errorf("status %d, standard error %q", status, stderr)
	}
	if !strings.HasPrefix(stdout, "sop-chat ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("got %q", stdout)
	}
}

// The version contains everything that is known, and nothing else.
func TestDescribe(t *testing.T) {
	built := ", built with go1.26.0 for " + runtime.GOOS + "/" + runtime.GOARCH
	tests := []struct {
		settings []debug.BuildSetting
		want     string
	}{
		{nil, "sop-chat v1.2.3" + built},
		{
			[]debug.BuildSetting{
				{Key: "vcs.revision", Value: "abc"},
				{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
				{Key: "vcs.modified", Value: "false"},
			},
			"sop-chat v1.2.3, revision abc, of 2026-01-02T03:04:05Z" + built,
		},
		{
			[]debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
			"sop-chat v1.2.3, revision abc, modified since" + built,
		},
	}
	for _, test := range tests {
		info := &debug.BuildInfo{
			GoVersion: "go1.26.0",
			Main:      debug.Module{Version: "v1.2.3"},
			Settings:  test.settings,
		}
		if got := describe(info); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
