package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// startNATS runs a server of NATS, and returns its port.
func startNATS(t *testing.T) (port int) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sop-nats")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", program, "../../cmd/sop-nats").CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	port = freePort(t)
	said := new(output)
	cmd := exec.Command(program, "--store", t.TempDir(), "--listen", fmt.Sprintf("127.0.0.1:%d", port))
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("NATS ends with %v: %s", err, said)
		}
	})
	said.waitForLine(t, "NATS with JetStream is at")
	return port
}

// unreturned returns how many messages that were said at a server have yet to come back from
// the stream of its cluster.
func unreturned(t *testing.T, socket string) int {
	t.Helper()
	var numbers struct {
		Stats struct {
			Unreturned int `json:"cluster_unreturned_messages"`
		}
	}
	if err := json.Unmarshal([]byte(operate(t, socket, 0, "stats", "--json").stdout), &numbers); err != nil {
		t.Fatal(err)
	}
	return numbers.Stats.Unreturned
}

// A page whose server is cut off from the rest of its cluster, with something in it that the
// page has said, goes to another server, and says it again there. It arrives once, also when
// the former server is back.
func TestWebCluster(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	nats := startNATS(t)
	away := startLink(t, nats)
	socket := socketPath(t)
	var servers []*website
	for i, port := range []int{away.port, nats} {
		flags := []string{
			"--cluster", fmt.Sprintf("nats://127.0.0.1:%d", port), "--cluster-replicas", "1", "--cluster-server", fmt.Sprint("server-", i), "--max-clients", "0",
		}
		if i == 0 {
			flags = append(flags, "--admin", socket)
		}
		servers = append(servers, startWeb(t, flags...))
	}
	balancer := startLink(t, servers[0].webPort)
	p := b.open(balancer.invitation(), desktop)
	p.join("alice")
	bob, carol := join(t, servers[0].server, "bob"), join(t, servers[1].server, "carol")
	p.say("hello")
	bob.expect(message("alice", "hello"))
	carol.expect(message("alice", "hello"))

	away.setDown(true)
	p.say("on its way")
	eventually(t, "it is at the server", func() bool { return unreturned(t, socket) == 1 })
	balancer.to.Store(int32(servers[1].webPort))
	balancer.cut()
	carol.expect(message("alice", "on its way"))
	p.states()
	away.setDown(false)
	bob.expect(message("alice", "on its way"))
	bob.expectNothing(carol)
	p.hears("bob", "marker")
	p.say("and here")
	carol.expect(message("alice", "and here"))
	bob.expect(message("alice", "and here"))
	p.wait("each message once", `[...document.querySelectorAll("#messages .text")].map((e) => e.textContent).join() === "hello,on its way,marker,and here"`)
}
