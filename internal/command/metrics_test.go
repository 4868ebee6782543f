package command

import (
	"strings"
	"testing"
)

// The address of metrics is a port, which is for this machine alone, or has a host.
func TestMetricsListen(t *testing.T) {
	for text, want := range map[string]webAddress{
		"":               {},
		"9464":           {"", 9464},
		":9464":          {"", 9464},
		"0.0.0.0:9464":   {"0.0.0.0", 9464},
		"[::]:9464":      {"::", 9464},
		"localhost:9464": {"localhost", 9464},
	} {
		if got, err := metricsListen(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{":", ":0", "0", "65536", "::1:9464", "localhost", "http://localhost:9464"} {
		if got, err := metricsListen(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}

// What has no effect is said.
func TestMetricsWithoutEffect(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--metrics-pprof", "9000", "key"}, "--metrics-pprof is about what --metrics serves, so it needs --metrics"},
		{[]string{"--metrics", ":9464", "--stage", "2", "9000", "key"}, "--metrics tells something from stage 3 on, not in stage 2"},
		{[]string{"--metrics", "here", "9000", "key"}, `"here" is not a port or an address with one, such as :9464 or 192.0.2.1:9464`},
	} {
		if status, _, stderr := result(t, process(test.args)); status != 2 || !strings.Contains(stderr, test.says) {
			t.Errorf("%q: status %d, %q; want %q", test.args, status, stderr, test.says)
		}
	}
}
