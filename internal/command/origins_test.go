package command

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// When the files of the lists are read again, the lists are what they say now. If one has
// an error, both stay as they are, and the log says where it is.
func TestListsAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	friends, pests := filepath.Join(folder, "friends.txt"), filepath.Join(folder, "pests.txt")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(friends, "192.0.2.0/24\n")
	write(pests, "192.0.2.66\n")
	var o originOptions
	var err error
	if o.allow, err = readAddresses("198.51.100.1, @" + friends); err != nil {
		t.Fatal(err)
	}
	if o.deny, err = readAddresses("@" + pests); err != nil {
		t.Fatal(err)
	}
	table := o.table(nil)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, step := range []struct {
		friends, pests string
		log            string
		let            string // in
		denied         string
	}{
		{"192.0.2.0/24", "192.0.2.66", "allowed=2 denied=1", "192.0.2.1 198.51.100.1", "192.0.2.66 203.0.113.1"},
		{"203.0.113.0/24", "192.0.2.66", "allowed=2 denied=1", "203.0.113.1 198.51.100.1", "192.0.2.1"},
		{"192.0.2.0/24", "# none\nnobody", `pests.txt:2: \"nobody\" is neither`, "203.0.113.1 198.51.100.1", "192.0.2.1"},
		{"192.0.2.0", "# none", "allowed=2 denied=0", "192.0.2.0 198.51.100.1", "192.0.2.1 203.0.113.1"},
	} {
		write(friends, step.friends)
		write(pests, step.pests)
		log.Reset()
		used := false
		r := &reloader{logger: logger, steps: []reloadStep{func() []*reloadError {
			return o.reload(table, func() { used = true }, logger)
		}}}
		err := r.Reload()
		if want := strings.Contains(step.log, "allowed"); used != want || (err == nil) != want || !strings.Contains(log.String(), step.log) {
			t.Errorf("with %q and %q: used %v, error %v, log %s", step.friends, step.pests, used, err, log.String())
		}
		for text, want := range map[string]bool{step.let: false, step.denied: true} {
			for addr := range strings.FieldsSeq(text) {
				if table.Denies(netip.MustParseAddr(addr)) != want {
					t.Errorf("with %q and %q, %s is denied: %v", step.friends, step.pests, addr, !want)
				}
			}
		}
	}
}

// A server has something to read again if one of its lists has a file.
func TestListsWithFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"": false, "192.0.2.1": false, "192.0.2.1, @" + file: true} {
		list, err := readAddresses(text)
		if err != nil {
			t.Fatal(err)
		}
		o := serveOptions{origins: originOptions{deny: list}}
		if got := o.rereads(process(nil)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
