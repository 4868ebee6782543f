package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sop-chat/internal/testenv"
)

// deployed returns a file of deploy/, with other values in the places of those that it has.
// Each has to be there.
func deployed(t testing.TB, path string, replace ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "deploy", path))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q:\n%s", path, replace[i], text)
		}
		text = strings.ReplaceAll(text, replace[i], replace[i+1])
	}
	return text
}

// The units have no mistake that systemd knows, with the example too, and the service has
// little that it could do harm with.
func TestUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		testenv.Lacks(t, "systemd-analyze")
	}
	folder := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(analyze, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+folder+":", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")
		// Of a unit that it needs, systemd may say something, too.
		if out, err := cmd.CombinedOutput(); err != nil || args[0] == "verify" && strings.Contains(string(out), "sop-chat") {
			t.Errorf("systemd-analyze %q: %v\n%s", args, err, out)
		}
	}
	write("sop-chat.service", deployed(t, "systemd/sop-chat.service", "/usr/bin/sop-chat", binary))
	write("sop-chat.socket", deployed(t, "systemd/sop-chat.socket"))
	run("security", "--offline=yes", "--threshold=15", "./sop-chat.service") // of 100
	run("verify", "--man=no", "--recursive-errors=no", "./sop-chat.service", "./sop-chat.socket")
	write("sop-chat.service.d/local.conf", deployed(t, "systemd/example.conf"))
	run("verify", "--man=no", "--recursive-errors=no", "./sop-chat.service")
}

// Caddy takes the file for it, and with that in front of the page people join.
func TestCaddyfile(t *testing.T) {
	t.Parallel()
	certificate, private, _ := tlsFiles(t)
	front := newFrontProgram(t)
	page, origin := fmt.Sprintf("127.0.0.1:%d", freePort(t)), "https://"+front.address()
	srv := start(t, "--web", page, "--web-origin", origin, "--trusted-proxy", "127.0.0.1")
	srv.stderr.waitForLine(t, origin+"/")
	front.caddy(deployed(t, "docker/Caddyfile", "{$DOMAIN} {", front.address()+" {\n\ttls "+certificate+" "+private, "sop-chat:8080", page))
	bob := join(t, srv, "bob")
	alice := startJoinAt(t, origin, "--tls-ca", certificate)
	alice.in.Write([]byte("hello\n"))
	alice.in.Close()
	bob.expect(message("alice", "hello"))
	alice.ends(0, "")
}

// In the compose files the proxy in front, which alone may say a client's address, has an address
// that no other container is given.
func TestComposeAddresses(t *testing.T) {
	for _, path := range []string{"docker/compose.yaml", "cluster/compose.yaml"} {
		file := deployed(t, path)
		value := func(name string) string {
			found := regexp.MustCompile(name+`: (\S+)`).FindAllStringSubmatch(file, -1)
			if len(found) != 1 {
				t.Fatalf("%s has %d times %s", path, len(found), name)
			}
			return found[0][1]
		}
		proxy := netip.MustParseAddr(value("ipv4_address"))
		if trusted := value("SOP_CHAT_TRUSTED_PROXY"); trusted != proxy.String() {
			t.Errorf("%s trusts %s, and the proxy is %s", path, trusted, proxy)
		}
		subnet, others := netip.MustParsePrefix(value("subnet")), netip.MustParsePrefix(value("ip_range"))
		if !subnet.Contains(proxy) || !subnet.Overlaps(others) || others.Contains(proxy) {
			t.Errorf("%s gives the others addresses of %s in %s, and the proxy %s", path, others, subnet, proxy)
		}
	}
}
