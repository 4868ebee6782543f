package command

import (
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// ownLimit returns how much memory the process may have by its control groups, by
// GOMEMLIMIT, and by the system.
func ownLimit(root fs.FS) memoryLimit {
	limit := cgroupLimit(root)
	if soft := debug.SetMemoryLimit(-1); soft != math.MaxInt64 {
		limit = limit.lower(memoryLimit{uint64(max(soft, 1)), "GOMEMLIMIT"})
	}
	return limit.lower(systemLimit())
}

// cgroupLimit returns the lowest memory limit of the process's control groups and
// of those above them, see cgroups(7).
func cgroupLimit(root fs.FS) (limit memoryLimit) {
	for _, m := range cgroupMounts(root) {
		for at := m.group; ; at = path.Dir(at) {
			for _, name := range m.files {
				bytes := readLimit(root, path.Join(m.point, at, name))
				limit = limit.lower(memoryLimit{bytes, "cgroup " + name})
			}
			if at == "/" || at == "." {
				break
			}
		}
	}
	return limit
}

// A cgroupMount is where a hierarchy of control groups with memory limits is
// mounted.
type cgroupMount struct {
	point string // without the slash it begins with
	group string // the process's own group, seen from there
	files []string
}

// cgroupMounts finds the hierarchies of both versions of control groups.
func cgroupMounts(root fs.FS) (mounts []cgroupMount) {
	groups := make(map[string]string) // by controller; of the second version ""
	for line := range lines(root, "proc/self/cgroup") {
		_, rest, _ := strings.Cut(line, ":")
		controllers, group, found := strings.Cut(rest, ":")
		for controller := range strings.SplitSeq(controllers, ",") {
			if found {
				groups[controller] = group
			}
		}
	}
	for line := range lines(root, "proc/self/mountinfo") {
		// 36 35 98:0 /root /point rw,noatime shared:1 - cgroup cgroup rw,memory
		before, after, _ := strings.Cut(line, " - ")
		mount, kind := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(kind) < 3 {
			continue
		}
		var group string
		var found bool
		var files []string
		switch options := "," + kind[2] + ","; {
		case kind[0] == "cgroup2":
			group, found = groups[""]
			files = []string{"memory.max", "memory.high"}
		case kind[0] == "cgroup" && strings.Contains(options, ",memory,"):
			group, found = groups["memory"]
			files = []string{"memory.limit_in_bytes"}
		}
		if !found {
			continue
		}
		below, within := strings.CutPrefix(group, strings.TrimSuffix(mount[3], "/"))
		if !within || below != "" && below[0] != '/' {
			below = "/" // the group lies outside of what is mounted here
		}
		mounts = append(mounts, cgroupMount{strings.TrimPrefix(mount[4], "/"), path.Join("/", below), files})
	}
	return mounts
}

// lines yields the lines of a file, none if it can't be read.
func lines(root fs.FS, name string) func(yield func(string) bool) {
	text, _ := fs.ReadFile(root, name)
	return func(yield func(string) bool) {
		for line := range strings.Lines(string(text)) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

// readLimit returns the limit in a file; 0 if there is none, or a number so large
// that it means none.
func readLimit(root fs.FS, name string) uint64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	const none = 1 << 60 // the first version's is the largest multiple of a page
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n > none {
		return 0
	}
	return max(n, 1)
}
