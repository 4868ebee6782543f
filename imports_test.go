package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ours stands for every package of this module.
const ours = "sop-chat/..."

// mayImport says what each package may know besides the standard library. It
// is what keeps the log free of sockets and the server free of readers: who
// needs more than this table allows is in the wrong package.
var mayImport = map[string][]string{
	".":                   {"sop-chat/internal/command"},
	"client":              {"sop-chat/internal/wire", "golang.org/x/sys/unix", "github.com/coder/websocket"}, // public: nothing else of ours, and little of others
	"examples/echobot":    {"sop-chat/client"},
	"cmd/sop-nats":        {"github.com/nats-io/nats-server/v2/server", "github.com/spf13/pflag"}, // a program of its own
	"internal/wire":       {},
	"internal/english":    {},
	"internal/histogram":  {},
	"internal/broadcast":  {"sop-chat/internal/wire"},
	"internal/names":      {"go.mau.fi/util/confusable", "golang.org/x/text/unicode/norm", "golang.org/x/text/unicode/rangetable"},
	"internal/repeat":     {},
	"internal/admin":      {"sop-chat/internal/console", "sop-chat/internal/english", "golang.org/x/sys/unix", "golang.org/x/text/width"},
	"internal/roff":       {},
	"internal/origin":     {"sop-chat/internal/repeat", "github.com/gaissmai/bart"},
	"internal/proxyproto": {},
	"internal/readfile":   {"sop-chat/internal/english"},
	"internal/tomlfile":   {"sop-chat/internal/readfile", "github.com/pelletier/go-toml/v2", "github.com/pelletier/go-toml/v2/unstable"},
	"internal/rooms":      {"sop-chat/internal/wire", "sop-chat/internal/tomlfile"},
	"internal/keys":       {"sop-chat/internal/wire", "sop-chat/internal/readfile", "sop-chat/internal/tomlfile", "sop-chat/internal/repeat", "github.com/alexedwards/argon2id"},
	"internal/netpoll":    {"golang.org/x/sys/unix"},
	"internal/handover":   {"sop-chat/internal/broadcast", "sop-chat/internal/histogram", "sop-chat/internal/origin", "sop-chat/internal/websocket"},
	"internal/cluster":    {"sop-chat/internal/wire", "sop-chat/internal/broadcast", "github.com/nats-io/nats.go", "github.com/nats-io/nats.go/jetstream"},
	"internal/server":     {"sop-chat/internal/handover", "sop-chat/internal/wire", "sop-chat/internal/broadcast", "sop-chat/internal/histogram", "sop-chat/internal/repeat", "sop-chat/internal/origin", "sop-chat/internal/netpoll", "sop-chat/internal/proxyproto", "sop-chat/internal/websocket", "golang.org/x/sys/unix"},
	"internal/console":    {"sop-chat/internal/english", "sop-chat/internal/wire", "sop-chat/internal/broadcast", "sop-chat/internal/names", "sop-chat/internal/repeat", "golang.org/x/text/unicode/norm"},
	"internal/history":    {"sop-chat/internal/english", "sop-chat/internal/histogram", "sop-chat/internal/wire", "sop-chat/internal/broadcast", "golang.org/x/sys/unix", "golang.org/x/text/unicode/norm", "golang.org/x/text/unicode/rangetable", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
	"internal/websocket":  {"sop-chat/internal/wire"},
	"internal/limit":      {"golang.org/x/sys/unix"},
	"internal/secure":     {"sop-chat/internal/limit", "sop-chat/internal/netpoll"},
	"internal/gateway":    {"sop-chat/internal/limit", "sop-chat/internal/origin", "sop-chat/internal/websocket", "golang.org/x/sys/unix"},
	"internal/web":        {"sop-chat/internal/wire", "sop-chat/internal/gateway", "sop-chat/internal/history", "sop-chat/internal/limit", "sop-chat/internal/origin", "sop-chat/internal/webhook"},
	"internal/webhook":    {"sop-chat/internal/wire"},
	"internal/metrics": {
		"sop-chat/internal/histogram", "sop-chat/internal/history", "sop-chat/internal/limit", "sop-chat/internal/server", // whose numbers it knows
		"github.com/prometheus/client_golang/prometheus", "github.com/prometheus/client_golang/prometheus/collectors", "github.com/prometheus/client_golang/prometheus/promhttp",
	},
	"internal/chart": {"github.com/dustin/go-humanize"},
	"internal/bench": {
		"sop-chat/internal/english", "sop-chat/internal/chart", "sop-chat/internal/wire", "sop-chat/internal/netpoll", "sop-chat/internal/websocket", "golang.org/x/sys/unix",
		"github.com/HdrHistogram/hdrhistogram-go", "github.com/dustin/go-humanize",
	},
	"internal/terminal": {
		"sop-chat/client", "sop-chat/internal/console", "sop-chat/internal/english", "golang.org/x/sys/unix", "charm.land/bubbletea/v2",
		"charm.land/lipgloss/v2", "github.com/charmbracelet/colorprofile", "github.com/charmbracelet/x/ansi",
	},
	"internal/certs": {
		"sop-chat/internal/readfile", "github.com/caddyserver/certmagic", "github.com/mholt/acmez/v3/acme", "go.uber.org/zap", "go.uber.org/zap/zapcore",
		"golang.org/x/net/idna", "golang.org/x/net/netutil",
	},
	"internal/systemd": {"golang.org/x/sys/unix"},
	"internal/config": {
		"sop-chat/internal/tomlfile", "github.com/spf13/pflag", "github.com/knadh/koanf/v2", "github.com/knadh/koanf/providers/confmap",
		"github.com/knadh/koanf/providers/env/v2", "github.com/knadh/koanf/providers/posflag",
	},
	"internal/qrcode":   {"rsc.io/qr"},
	"internal/chattest": {"sop-chat/internal/wire", "sop-chat/internal/broadcast", "sop-chat/internal/server"},
	"internal/testenv":  {},
	"internal/chromium": {"github.com/chromedp/chromedp"},
	"internal/e2e":      {},
	"internal/torture":  {},
	"internal/command": { // wires all the others together
		ours, "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/dustin/go-humanize", "golang.org/x/term",
		"golang.org/x/sys/unix", "golang.org/x/sys/windows",
	},
}

// Packages import what their place in the design allows, and nothing else.
func TestImports(t *testing.T) {
	found := imports(t)
	own := modulePath(t)
	for _, folder := range slices.Sorted(maps.Keys(found)) {
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s is a package that the table of allowed imports does not know", folder)
			continue
		}
		for _, path := range found[folder] {
			isOurs := strings.HasPrefix(path, own+"/")
			if standard := !strings.Contains(path, ".") && !isOurs; standard || isOurs && slices.Contains(allowed, ours) {
				continue
			}
			if !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s; it may know %q", folder, path, allowed)
			}
		}
	}
}

// modulePath returns the path of this module, which may be renamed.
func modulePath(t *testing.T) string {
	content, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	path, found := strings.CutPrefix(line, "module ")
	if !found {
		t.Fatalf("go.mod begins with %q", line)
	}
	return path
}

// isModule reports whether a folder has a module of its own.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// imports returns what the packages of this module import, tests left out.
func imports(t *testing.T) map[string][]string {
	found := make(map[string][]string)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || isModule(path)):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[folder] = append(found[folder], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found["internal/server"]) == 0 {
		t.Fatal("no imports were found; the test looks in the wrong place")
	}
	return found
}
