package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version describes the program by its build information.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "version unknown"
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	about := []string{"sop-chat " + info.Main.Version}
	setting := make(map[string]string)
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	if revision := setting["vcs.revision"]; revision != "" {
		about = append(about, "revision "+revision)
	}
	if at := setting["vcs.time"]; at != "" {
		about = append(about, "of "+at)
	}
	if setting["vcs.modified"] == "true" {
		about = append(about, "modified since")
	}
	about = append(about, fmt.Sprintf("built with %s for %s/%s", info.GoVersion, runtime.GOOS, runtime.GOARCH))
	return strings.Join(about, ", ")
}
