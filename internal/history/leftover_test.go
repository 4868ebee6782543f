package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sop-chat/internal/wire"
)

// extend adds messages to a store, a few in each transaction.
func extend(t *testing.T, s *store, from, to int64) {
	t.Helper()
	for from < to {
		messages := make([]Message, min(50, to-from))
		for i := range messages {
			m := &messages[i]
			*m = Message{Sequence: from + 1, Time: noon.Add(time.Duration(from) * time.Second), Room: "main", From: *alice}
			copy(m.Wire[:], "alice")
			copy(m.Wire[wire.NameSize:], fmt.Sprintf("hello %d world%d", from, from*7919))
			from++
		}
		addAll(t, s, messages)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A -wal that was left behind is applied to the file it belongs to. It is not
// applied to a backup that was put in its place, and nothing is changed.
func TestLeftover(t *testing.T) {
	for _, test := range []struct {
		what                 string
		backup, checkpointed int64 // messages: in the backup, and in the file without its -wal
		all                  int64
		make                 string // how the backup is made
		want                 string
	}{
		{"its own", 0, 10, 300, "", ""},
		{"its own, no checkpoint", 0, 0, 300, "", ""},
		{"an older backup", 500, 2000, 2300, "VACUUM INTO ?", "don't belong together"},
		{"a younger backup", 2000, 2100, 2110, "VACUUM INTO ?", "don't belong together"},
		{"a backup of the same", 2000, 2000, 2110, "VACUUM INTO ?", "don't belong together"},
		{"an older copy", 500, 2000, 2300, "copy", "don't belong together"},
		{"a younger copy", 2000, 2010, 2020, "copy", "don't belong together"},
		{"no file", 0, 10, 20, "remove", "its newest messages are"},
	} {
		t.Run(test.what, func(t *testing.T) {
			working, path := newFile(t), newFile(t)
			backup := filepath.Join(t.TempDir(), "backup.db")
			s, _, err := openStore(working)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			extend(t, s, 0, test.backup)
			switch test.make {
			case "copy":
				s.checkpoint()
				copyFile(t, working, backup)
			case "VACUUM INTO ?":
				if _, err := s.file.exec(test.make, backup); err != nil {
					t.Fatal(err)
				}
			}
			extend(t, s, test.backup, test.checkpointed)
			if all, err := s.checkpoint(); !all {
				t.Fatal(err)
			}
			extend(t, s, test.checkpointed, test.all)
			// As kill -9 leaves it, and as it is after the backup was put there.
			copyFile(t, working+"-wal", path+"-wal")
			switch test.make {
			case "":
				copyFile(t, working, path)
			case "remove":
			default:
				copyFile(t, backup, path)
			}
			before, _ := os.ReadFile(path)
			next, last, err := openStore(path)
			if test.want == "" {
				if err != nil || last != test.all {
					t.Fatalf("%d messages, %v; want %d", last, err, test.all)
				}
				next.close()
				checkFile(t, path)
				return
			}
			if err == nil {
				next.close()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			if wal, _ := os.ReadFile(path + "-wal"); len(wal) == 0 {
				t.Error("the -wal is gone")
			}
		})
	}
}
