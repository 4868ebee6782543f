package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
)

// A writerFunc is a Writer that a test makes up.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// printMessages makes the console print messages of alice as one batch of a feed.
func printMessages(c *Console, f *feed, texts ...string) {
	for i, text := range texts {
		c.entries[i] = *entry("alice", "alice", text)
	}
	printBatch(c, f, c.entries[:len(texts)], noon)
}

// printBatch makes the console print entries of a feed as one batch.
func printBatch(c *Console, f *feed, entries []broadcast.Entry, now time.Time) {
	c.begin(now)
	c.append(f, entries, now)
	c.out.flush()
}

// A batch is written in one step.
func TestOneWriteABatch(t *testing.T) {
	writes := 0
	c := New(writerFunc(func(p []byte) (int, error) {
		writes++
		return len(p), nil
	}), Options{})
	printMessages(c, &feed{}, "one", "two", "three")
	if writes != 1 {
		t.Errorf("%d writes for one batch", writes)
	}
}

// What could not be written is counted where it is missing, and a line that
// was cut is finished first; the logger hears of the beginning and the end.
func TestOutputFails(t *testing.T) {
	for _, test := range []struct {
		what  string
		takes int // how much of the second batch the writer takes
		want  string
	}{
		{"nothing is taken", 0, "* 2 messages were left out here: writing to the output failed\n"},
		{"a part of a line", 3, "alice: two\n* 1 message was left out here: writing to the output failed\n"},
		{"all but the line break", 10, "alice: two\n* 1 message was left out here: writing to the output failed\n"},
		{"a line", 11, "alice: two\n* 1 message was left out here: writing to the output failed\n"},
		{"a line and a part", 15, "alice: two\nalice: three\n"},
	} {
		t.Run(test.what, func(t *testing.T) {
			var out, log bytes.Buffer
			takes, f := -1, &feed{}
			c := New(writerFunc(func(p []byte) (int, error) {
				if takes < 0 {
					return out.Write(p)
				}
				n := min(takes, len(p))
				takes -= n
				out.Write(p[:n])
				return n, syscall.ENOSPC
			}), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			printMessages(c, f, "one")
			takes = test.takes
			printMessages(c, f, "two", "three")
			printMessages(c, f)
			takes = -1
			printMessages(c, f, "four")
			if want := "alice: one\n" + test.want + "alice: four\n"; out.String() != want {
				t.Errorf("printed\n%swant\n%s", out.String(), want)
			}
			lines := strings.Split(strings.TrimSpace(log.String()), "\n")
			if len(lines) != 2 || !strings.Contains(lines[0], "no space left") || !strings.Contains(lines[1], "can write again") {
				t.Errorf("logged %q", lines)
			}
		})
	}
}

// A gap that could not be printed adds to the next.
func TestGapsAddUp(t *testing.T) {
	var out bytes.Buffer
	broken, f := true, &feed{}
	c := New(writerFunc(func(p []byte) (int, error) {
		if broken {
			return 0, syscall.EIO
		}
		return out.Write(p)
	}), Options{})
	c.entries[0] = broadcast.Entry{Skipped: 40, SkippedNotices: 5}
	printBatch(c, f, c.entries[:1], noon)
	printMessages(c, f, "one", "two")
	broken = false
	printMessages(c, f, "three")
	if want := "* 42 messages and 5 events were left out here: writing to the output failed\nalice: three\n"; out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

// An output that nobody will ever read again is left alone, and that is said
// once.
func TestOutputGone(t *testing.T) {
	for _, gone := range []error{
		syscall.EPIPE,
		&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EBADF},
		os.ErrClosed,
		io.ErrClosedPipe,
	} {
		t.Run(gone.Error(), func(t *testing.T) {
			var log bytes.Buffer
			writes, f := 0, &feed{}
			c := New(writerFunc(func([]byte) (int, error) {
				writes++
				return 0, gone
			}), Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			printMessages(c, f, "one")
			printMessages(c, f, "two")
			if writes != 1 {
				t.Errorf("%d writes, want 1", writes)
			}
			if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "is closed") {
				t.Errorf("logged %q, want one line", log.String())
			}
		})
	}
}

// However writes fail, whatever part they take: once all works again, what was
// printed of each room are whole lines in the right order, and the gaps in it are of
// exactly the size that they say.
func TestNothingMissingUnsaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		fails := true
		c := New(writerFunc(func(p []byte) (int, error) {
			if !fails || rapid.Bool().Draw(t, "works") {
				return out.Write(p)
			}
			n, _ := out.Write(p[:rapid.IntRange(0, len(p)).Draw(t, "taken")])
			return n, rapid.SampledFrom([]error{syscall.ENOSPC, syscall.EIO, nil}).Draw(t, "error")
		}), Options{})

		feeds := []*feed{{tag: "[one] "}, {tag: "[two] "}, {tag: "[three] "}}
		happened := make(map[*feed][]string)
		for range rapid.IntRange(1, 10).Draw(t, "batches") {
			f := rapid.SampledFrom(feeds).Draw(t, "feed")
			batch := c.entries[:rapid.IntRange(0, 4).Draw(t, "entries")]
			for i := range batch {
				what := strconv.Itoa(len(happened[f]))
				if rapid.Bool().Draw(t, "message") {
					batch[i] = *entry("a", "a", what)
					happened[f] = append(happened[f], "a: "+what)
				} else {
					batch[i] = broadcast.Entry{Notice: &broadcast.Notice{Kind: broadcast.Joined, From: sender(what)}}
					happened[f] = append(happened[f], fmt.Sprintf("* %q joined", what))
				}
			}
			printBatch(c, f, batch, noon)
		}
		fails = false
		printBatch(c, feeds[0], nil, noon)
		all := 0
		for _, f := range feeds {
			lines := linesOf(out.String(), f.tag)
			if err := checkComplete(strings.Join(lines, ""), happened[f]); err != nil {
				t.Fatalf("%s%v; printed:\n%s", f.tag, err, out.String())
			}
			all += len(lines)
		}
		if n := strings.Count(out.String(), "\n"); n != all {
			t.Fatalf("%d of %d lines are of no room; printed:\n%s", n-all, n, out.String())
		}
	})
}

// linesOf returns the lines with a tag, without it.
func linesOf(printed, tag string) (lines []string) {
	for line := range strings.Lines(printed) {
		if rest, found := strings.CutPrefix(line, tag); found {
			lines = append(lines, rest)
		}
	}
	return lines
}

var gapLine = regexp.MustCompile(`^\* (?:(\d+) messages?)?(?: and )?(?:(\d+) events?)? (?:was|were) left out here: `)

// checkComplete fails unless what was printed are the lines that there should
// be, in their order, or in their places gaps that count them.
func checkComplete(printed string, lines []string) error {
	if printed == "" && len(lines) == 0 {
		return nil
	}
	if !strings.HasSuffix(printed, "\n") {
		return errors.New("the last line has no end")
	}
	for line := range strings.Lines(printed) {
		line = strings.TrimSuffix(line, "\n")
		m := gapLine.FindStringSubmatch(line)
		if m == nil {
			if len(lines) == 0 || line != lines[0] {
				return fmt.Errorf("line %q, want %q", line, append(lines, "nothing")[0])
			}
			lines = lines[1:]
			continue
		}
		messages, _ := strconv.Atoi(m[1])
		events, _ := strconv.Atoi(m[2])
		n := messages + events
		if n == 0 || n > len(lines) {
			return fmt.Errorf("%q, where at most %d lines are missing", line, len(lines))
		}
		for _, missing := range lines[:n] {
			if strings.HasPrefix(missing, "* ") {
				events--
			} else {
				messages--
			}
		}
		if messages != 0 || events != 0 {
			return fmt.Errorf("%q counts %d messages and %d events too many", line, messages, events)
		}
		lines = lines[n:]
	}
	if len(lines) > 0 {
		return fmt.Errorf("%d lines are missing at the end", len(lines))
	}
	return nil
}
