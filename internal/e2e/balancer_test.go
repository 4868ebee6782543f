package e2e

import (
	"os/exec"
	"regexp"
	"testing"

	"sop-chat/internal/testenv"
)

// HAProxy takes the file in deploy/cluster, in which the names are those of containers.
func TestClusterBalancer(t *testing.T) {
	path, err := exec.LookPath("haproxy")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/haproxy")
	}
	if err != nil {
		testenv.Lacks(t, "haproxy")
	}
	f := newFrontProgram(t)
	found := regexp.MustCompile(`\bchat-[abc]:`)
	file := deployed(t, "cluster/haproxy.cfg")
	if n := len(found.FindAllString(file, -1)); n != 6 {
		t.Fatalf("there are %d addresses of chat servers, and not three for TCP and three for the page", n)
	}
	output, err := exec.Command(path, "-c", "-f", f.write("haproxy.cfg", found.ReplaceAllString(file, "127.0.0.1:"))).CombinedOutput()
	if err != nil || regexp.MustCompile(`WARNING|ALERT`).Match(output) {
		t.Errorf("%v:\n%s", err, output)
	}
}
