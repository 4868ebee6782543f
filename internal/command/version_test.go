package command

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// --version shows the version, and in a second line what it was built with and for.
func TestVersion(t *testing.T) {
	p := process([]string{"--version"})
	p.Build = Build{Version: "1.2.3", Commit: strings.Repeat("a1", 20), Date: "2026-01-02T23:30:00-01:00"}
	status, stdout, stderr := result(t, p)
	want := "sop-chat 1.2.3 (a1a1a1a1a1a1, 2026-01-03)\n" +
		runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	if status != 0 || stdout != want || stderr != "" {
		t.Errorf("status %d, standard error %q\n%swant\n%s", status, stderr, stdout, want)
	}
}

// What the linker was told wins over what Go has recorded, and what is not known is left
// out.
func TestBuild(t *testing.T) {
	commit := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
		{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"},
	}
	modified := append([]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, commit...)
	release := Build{Version: "v1.2.3", Commit: "fedcba9876543210", Date: "2025-12-31T00:00:00Z"}
	tests := []struct {
		told     Build
		module   string
		settings []debug.BuildSetting
		want     string
	}{
		{Build{}, "", nil, "development"},
		{Build{}, "(devel)", nil, "development"},
		{Build{}, "(devel)", commit, "development (0123456789ab, 2026-01-02)"},
		{Build{}, "(devel)", modified, "development (0123456789ab, 2026-01-02, modified)"},
		{Build{}, "v0.0.0-20260102030405-0123456789ab", commit, "development (0123456789ab, 2026-01-02)"},
		{Build{}, "v1.2.4-0.20260102030405-0123456789ab+dirty", modified, "development (0123456789ab, 2026-01-02, modified)"},
		{Build{}, "v1.2.3", commit, "1.2.3 (0123456789ab, 2026-01-02)"},
		{Build{}, "v1.2.3+dirty", modified, "1.2.3 (0123456789ab, 2026-01-02, modified)"},
		{Build{}, "v1.2.3", nil, "1.2.3"},                                                            // go install of a version
		{Build{}, "v0.0.0-20260102030405-0123456789ab", nil, "0.0.0-20260102030405-0123456789ab"},    // and of a commit
		{release, "v0.9.0", modified, "1.2.3 (fedcba987654, 2025-12-31)"},                            // a release
		{Build{Version: "1.2.3"}, "(devel)", modified, "1.2.3 (0123456789ab, 2026-01-02, modified)"}, // a version alone
		{Build{Version: "1.2.3", Commit: "abc", Date: "yesterday"}, "(devel)", nil, "1.2.3 (abc)"},   // not a date
		{Build{Version: "1.2.3-rc.1", Date: "2025-12-31T00:00:00Z"}, "(devel)", nil, "1.2.3-rc.1"},   // a date of no commit
	}
	for _, test := range tests {
		info := &debug.BuildInfo{Main: debug.Module{Version: test.module}, Settings: test.settings}
		if got, want := test.told.with(info).String(), "sop-chat "+test.want; got != want {
			t.Errorf("%v, module %q, %v:\n%s, want\n%s", test.told, test.module, test.settings, got, want)
		}
	}
}

// A server whose log is not a terminal begins it with the version.
func TestVersionInLog(t *testing.T) {
	r := start(t, "key")
	if first, _, _ := bytes.Cut([]byte(r.stderr.String()), []byte("\n")); !bytes.Contains(first, []byte(`level=INFO msg=starting version="sop-chat `)) {
		t.Errorf("the log begins with %s", first)
	}
	r.stop()
	r.expectEnd(0)
}
