package command

import (
	"slices"
	"strings"
	"testing"
)

// NATS has one address or several, which may lack what is usual.
func TestNATSAddresses(t *testing.T) {
	for text, want := range map[string][]string{
		"":                             nil,
		"nats://a:4222":                {"nats://a:4222"},
		"a":                            {"nats://a"},
		"tls://u:p@a:4222, nats://b:1": {"tls://u:p@a:4222", "nats://b:1"},
		"127.0.0.1:4222,[::1]:4222":    {"nats://127.0.0.1:4222", "nats://[::1]:4222"},
	} {
		if got, err := natsURLs(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{",", "a,", "http://a", "nats://", "nats://a:b", "nats://secret pass@a"} {
		if got, err := natsURLs(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is %q, %v; want an error without it", text, got, err)
		}
	}
}

// What has no effect, or can't be, is said.
func TestClusterWithoutEffect(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--cluster-server", "a"}, "--cluster-server is about a cluster, and there is none without --cluster"},
		{[]string{"--cluster", "nats://a", "--stage", "3"}, "--cluster takes effect in stage 4, not in stage 3"},
		{[]string{"--cluster", "nats://a", "--cluster-cert", "f"}, "--cluster-cert and --cluster-key are given together, or neither"},
		{[]string{"--cluster", "nats://a", "--cluster-name", "my chat"}, `"my chat" can't be the name of a cluster`},
		{[]string{"--cluster", "nats://a", "--cluster-replicas", "2"}, "2 replicas can't be"},
		{[]string{"--cluster", "nats://a", "--cluster-keep", "1m"}, "at least 10m"},
		{[]string{"--cluster", "nats://a", "--history", "f", "--history-sync", "0"}, "--history-sync 0 does not go with --cluster"},
		{[]string{"--cluster", "ftp://a"}, "ftp:// is nothing that NATS speaks"},
	} {
		args := append(test.args, "9000", "a long and secret key")
		if status, _, stderr := result(t, process(args)); status != 2 || !strings.Contains(stderr, test.says) {
			t.Errorf("%q: status %d, %q; want %q", args, status, stderr, test.says)
		}
	}
}
