package command

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// A Build says of which source the program was built, as far as that was told to
// the linker. A release sets all of it.
type Build struct {
	Version string // 1.2.3
	Commit  string
	Date    string // of the commit, as RFC 3339 has it

	modified bool // since the commit
}

// recorded returns the build with what Go has recorded in the binary, unless the
// linker was told another commit.
func (b Build) recorded() Build {
	if info, ok := debug.ReadBuildInfo(); ok {
		return b.with(info)
	}
	return b.with(&debug.BuildInfo{})
}

func (b Build) with(info *debug.BuildInfo) Build {
	setting := make(map[string]string)
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if b.Version == "" {
		b.Version = moduleVersion(info.Main.Version, setting["vcs.revision"] != "")
	}
	b.Version = strings.TrimPrefix(b.Version, "v")
	if b.Commit == "" {
		b.Commit, b.Date = setting["vcs.revision"], setting["vcs.time"]
		b.modified = setting["vcs.modified"] == "true"
	}
	return b
}

// between matches versions that Go makes up for commits without a tag.
var between = regexp.MustCompile(`\d{14}-[0-9a-f]{12}$`)

// moduleVersion returns the version of a module, or "development" if it has none. One
// that was made up of a commit is not needed if the commit is known.
func moduleVersion(version string, hasCommit bool) string {
	version = strings.TrimSuffix(version, "+dirty")
	if version == "" || version == "(devel)" || hasCommit && between.MatchString(version) {
		return "development"
	}
	return version
}

// String returns the program's name and version, with commit and date if they are
// known.
func (b Build) String() string {
	var details []string
	if b.Commit != "" {
		details = append(details, b.Commit[:min(len(b.Commit), 12)])
	}
	if date := b.day(); date != "" {
		details = append(details, date)
	}
	if b.modified {
		details = append(details, "modified")
	}
	text := "sop-chat " + b.Version
	if len(details) > 0 {
		text += " (" + strings.Join(details, ", ") + ")"
	}
	return text
}

// day returns the date of the commit, or an empty text.
func (b Build) day() string {
	at, err := time.Parse(time.RFC3339, b.Date)
	if err != nil {
		return ""
	}
	return at.UTC().Format(time.DateOnly)
}

// long returns what --version shows.
func (b Build) long() string {
	return fmt.Sprintf("%s\n%s, %s/%s", b, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
