//go:build linux

package torture

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// servers is how many there are in a cluster.
const servers = 3

func serverName(i int) string { return fmt.Sprint("s", i+1) }

// The rooms of each server, and their keys.
var rooms = []string{"one", "two", "three"}

// small is one more room, in which no two clients may have one name, and few may be.
const small, smallSlots = "small", 3

func keyOf(room string) string { return "key of " + room }

// An address is where clients reach a server.
type address struct{ chat, page string }

// A chatServer is a process of the binary.
type chatServer struct {
	*process
	address
	folder string
	links  []*link // to the nodes
}

// hostWord stands for a server's host in its flags.
const hostWord = "HOST"

// startServer runs a server at a host of its own, with flags.
func startServer(t testing.TB, name, host string, flags ...string) *chatServer {
	program, err := builtServer()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, room := range rooms {
		fmt.Fprintf(&text, "[[room]]\nname = %q\nkey = %q\n", room, keyOf(room))
	}
	fmt.Fprintf(&text, "[[room]]\nname = %q\nkey = %q\nunique-names = true\nmax-clients = %d\n", small, keyOf(small), smallSlots)
	folder := t.TempDir()
	file := filepath.Join(folder, "rooms.toml")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &chatServer{folder: folder, address: address{net.JoinHostPort(host, "9000"), net.JoinHostPort(host, "8080")}}
	args := append([]string{
		"--bind", host, "--web", s.page, "--rooms", file, "--max-clients", "0", "--auth-failures", "0", "--console", "off",
	}, flags...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], hostWord, host)
	}
	s.process = newProcess(t, name, func() *exec.Cmd {
		cmd := exec.Command(program, append(args, "9000")...)
		cmd.Env, cmd.Dir = environment(), folder
		return cmd
	})
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// finish ends a server in order.
func (s *chatServer) finish(t testing.TB) {
	t.Helper()
	if state := s.end(syscall.SIGTERM); state == nil || state.ExitCode() != 0 {
		t.Errorf("%s ended with %v", s.name, state)
	}
	for _, complaint := range s.complaints() {
		t.Error(complaint)
	}
}

// startServers runs the servers of a cluster, each with a link of its own to each node, and
// with flags.
func startServers(t testing.TB, c *natsCluster, flags ...string) (started []*chatServer) {
	for i := range servers {
		host := c.network + fmt.Sprint(11+i)
		var links []*link
		var urls []string
		for node := range nodes {
			l := newLink(t, host, c.address(node))
			links = append(links, l)
			urls = append(urls, "nats://"+l.address())
		}
		s := startServer(t, serverName(i), host, append([]string{
			"--cluster", strings.Join(urls, ","), "--cluster-name", clusterName,
			"--cluster-replicas", fmt.Sprint(nodes), "--cluster-server", serverName(i),
		}, flags...)...)
		s.links = links
		started = append(started, s)
	}
	return started
}

// clusterName is the name of the cluster, and of its stream.
const clusterName = "torture"
