package command

import "testing"

// Metrics tell the version that --version shows, also of a build without a repository.
func TestMetricsVersion(t *testing.T) {
	c := countedOf(Build{Version: "1.2.3", Commit: "abc"}, nil, new(keeper), new(tlsPort), new(clusterLink))
	if c.Version != "1.2.3" || c.Revision != "abc" {
		t.Errorf("version %q, revision %q", c.Version, c.Revision)
	}
}
