package command

import (
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

// files makes a file system of names and contents.
func files(contents map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range contents {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

const (
	mountsV2 = `22 1 0:21 / /proc rw - proc proc rw
30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
`
	mountsV1 = `30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
)

// The lowest limit of the process's group and those above it counts, in both
// versions, also if a container sees only a part of the groups.
func TestCgroupLimit(t *testing.T) {
	const noneV1 = "9223372036854771712\n"
	for _, test := range []struct {
		what  string
		files map[string]string
		want  uint64
	}{
		{"nothing is there", nil, 0},
		{"no limit", map[string]string{
			"proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/app/memory.max": "max\n",
		}, 0},
		{"its own", map[string]string{
			"proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/app/memory.max": "33554432\n", "sys/fs/cgroup/other/memory.max": "1048576\n",
		}, 32 << 20},
		{"one above", map[string]string{
			"proc/self/cgroup": "0::/slice/app/leaf\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/slice/app/memory.max": "max\n", "sys/fs/cgroup/slice/memory.max": "67108864\n",
		}, 64 << 20},
		{"one that slows down", map[string]string{
			"proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/app/memory.max": "67108864\n", "sys/fs/cgroup/app/memory.high": "33554432\n",
		}, 32 << 20},
		{"a container's, in its own namespace", map[string]string{
			"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": mountsV2,
			"sys/fs/cgroup/memory.max": "33554432\n",
		}, 32 << 20},
		{"the first version", map[string]string{
			"proc/self/cgroup": "8:cpu:/\n4:memory:/app\n0::/\n", "proc/self/mountinfo": mountsV1,
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": "33554432\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": noneV1,
		}, 32 << 20},
		{"no limit in the first version", map[string]string{
			"proc/self/cgroup": "4:memory:/app\n", "proc/self/mountinfo": mountsV1,
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": noneV1,
		}, 0},
		{"several controllers in one hierarchy", map[string]string{
			"proc/self/cgroup":                    "4:cpu,memory:/app\n",
			"proc/self/mountinfo":                 "32 30 0:28 / /cg rw - cgroup cgroup rw,cpu,memory\n",
			"cg/app/memory.limit_in_bytes":        "33554432\n",
			"cg/other/app/memory.limit_in_bytes":  "1048576\n",
			"cg/app/memory.memsw.limit_in_bytes":  "1048576\n",
			"cg/app/memory.kmem.limit_in_bytes":   "1048576\n",
			"cg/app/memory.soft_limit_in_bytes":   "1048576\n",
			"cg/app/memory.max_usage_in_bytes":    "1048576\n",
			"cg/app/other/memory.limit_in_bytes":  "1048576\n",
			"cg/app2/memory.limit_in_bytes":       "1048576\n",
			"cg/app2/other/memory.limit_in_bytes": "1048576\n",
		}, 32 << 20},
		{"a container that sees its own group alone", map[string]string{
			"proc/self/cgroup":                                "4:memory:/docker/1a/leaf\n",
			"proc/self/mountinfo":                             "32 30 0:28 /docker/1a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":      "67108864\n",
			"sys/fs/cgroup/memory/leaf/memory.limit_in_bytes": "33554432\n",
		}, 32 << 20},
		{"a container that is told of a group elsewhere", map[string]string{
			"proc/self/cgroup":                           "4:memory:/docker/1ab\n",
			"proc/self/mountinfo":                        "32 30 0:28 /docker/1a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "33554432\n",
		}, 32 << 20},
		{"nonsense", map[string]string{
			"proc/self/cgroup": "\n0\n:::\n0::app\n", "proc/self/mountinfo": "\n - \n1 2 3 4 5 - cgroup2\n" + mountsV2,
			"sys/fs/cgroup/memory.max": "many\n", "sys/fs/cgroup/app/memory.max": "-1\n",
		}, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			if got := cgroupLimit(files(test.files)); got.bytes != test.want || (got.from == "") != (test.want == 0) {
				t.Errorf("it is %+v, want %d", got, test.want)
			}
		})
	}
}

// GOMEMLIMIT counts too.
func TestSoftLimit(t *testing.T) {
	before := debug.SetMemoryLimit(40 << 20)
	defer debug.SetMemoryLimit(before)
	if got := ownLimit(files(nil)); got != (memoryLimit{40 << 20, "GOMEMLIMIT"}) {
		t.Errorf("it is %+v", got)
	}
}

// The automatic backlog fits into the memory. A given one is used, with a warning
// if it may be too large.
func TestFitBacklog(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		limit       uint64
		given, want int
		history     string
		says        string
	}{
		{0, automatic, 32 * mib, "", ""},
		{64 << 30, automatic, 32 * mib, "", ""},
		{80 * mib, automatic, 32 * mib, "", ""},
		{80 * mib, automatic, 24 * mib, "chat.db", "smaller than usual"},
		{32 * mib, automatic, 8 * mib, "", "smaller than usual"},
		{16 * mib, automatic, minBacklog, "", "smaller than usual"},
		{1, automatic, minBacklog, "chat.db", "smaller than usual"},
		{0, 64 * mib, 64 * mib, "", ""},
		{1 << 30, 64 * mib, 64 * mib, "", ""},
		{64 * mib, 24 * mib, 24 * mib, "", ""},
		{64 * mib, 25 * mib, 25 * mib, "", "may not fit"},
		{64 * mib, 24 * mib, 24 * mib, "chat.db", "may not fit"},
	} {
		var said strings.Builder
		o := serveOptions{backlog: test.given, history: test.history}
		if err := o.fitBacklog(memoryLimit{test.limit, "a test"}, slog.New(slog.NewTextHandler(&said, nil))); err != nil {
			t.Error(err)
		}
		if o.backlog != test.want || (said.Len() == 0) != (test.says == "") || !strings.Contains(said.String(), test.says) {
			t.Errorf("%+v: it is %d; %s", test, o.backlog, &said)
		}
	}
	o := serveOptions{backlog: automatic, replay: 10_000}
	if err := o.fitBacklog(memoryLimit{32 << 20, "a test"}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "4096 messages") {
		t.Errorf("10,000 messages are replayed from 8 MiB: %v", err)
	}
}
