//go:build linux

package terminal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"sop-chat/client"
)

// A script is Plain with pipes for its input and output.
type script struct {
	t    testing.TB
	in   *io.PipeWriter
	out  *bufio.Reader
	end  chan error
	read *io.PipeReader
}

func runScript(t testing.TB, ctx context.Context, c *client.Client, o PlainOptions) *script {
	in, input := io.Pipe()
	output, out := io.Pipe()
	o.In, o.Out = in, out
	s := &script{t: t, in: input, out: bufio.NewReader(output), end: make(chan error, 1), read: output}
	go func() { s.end <- Plain(ctx, c, o) }()
	t.Cleanup(func() { input.Close(); output.Close() })
	return s
}

func (s *script) prints(want string) {
	s.t.Helper()
	if line, err := s.out.ReadString('\n'); err != nil || line != want+"\n" {
		s.t.Fatalf("printed %q, %v; want %q", line, err, want)
	}
}

func (s *script) ends(want error) {
	s.t.Helper()
	if err := <-s.end; !errors.Is(err, want) {
		s.t.Fatalf("it ended with %v, want %v", err, want)
	}
}

// Lines are sent as messages, messages are printed as lines, and Plain ends after
// the input has ended and everything has arrived.
func TestPlain(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	s := runScript(t, t.Context(), dial(t, dialer(srv.Addr.String(), "alice")), PlainOptions{})
	io.WriteString(s.in, "hello\n\n"+strings.Repeat("x", 500)+"\r\n")
	bob.Expect("alice", "hello")
	bob.Expect("alice", "")
	bob.Expect("alice", strings.Repeat("x", 448))
	bob.Expect("alice", strings.Repeat("x", 52))
	bob.Send("hi")
	bob.Send("\x1b[2Jtwo\nlines")
	bob.Send("C:\\Users\\bob\tC:\\new")
	s.prints("bob: hi")
	s.prints(`bob: \x1b[2Jtwo\nlines`)
	s.prints(`bob: C:\Users\bob` + "\t" + `C:\\new`)
	io.WriteString(s.in, "last, without a line break")
	s.in.Close()
	bob.Expect("alice", "last, without a line break")
	s.ends(nil)
}

func TestPlainJSON(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	s := runScript(t, t.Context(), dial(t, dialer(srv.Addr.String(), "alice")), PlainOptions{JSON: true})
	bob.Send("a\"b\n")
	line, _ := s.out.ReadString('\n')
	var got struct{ Time, Event, Name, Text string }
	if err := json.Unmarshal([]byte(line), &got); err != nil || got.Event != "message" || got.Name != "bob" || got.Text != "a\"b\n" {
		t.Errorf("%s: %+v, %v", line, got, err)
	}
	s.in.Close()
	s.ends(nil)
}

// It is an error if the connection ends before the input.
func TestPlainServerEnds(t *testing.T) {
	srv := startServer(t)
	s := runScript(t, t.Context(), dial(t, dialer(srv.Addr.String(), "alice")), PlainOptions{})
	srv.Stop(t)
	if err, ok := errors.AsType[*client.ClosedError](<-s.end); !ok {
		t.Errorf("it ended with %v", err)
	}
}

// Plain ends when nobody reads its output any more, even if no message comes.
func TestPlainUnread(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	s := runScript(t, t.Context(), dial(t, dialer(srv.Addr.String(), "alice")), PlainOptions{})
	s.read.Close()
	bob.Send("nobody reads this")
	s.ends(nil)

	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	in, input := io.Pipe()
	defer input.Close()
	end := make(chan error, 1)
	c := dial(t, dialer(srv.Addr.String(), "alice"))
	go func() { end <- Plain(t.Context(), c, PlainOptions{In: in, Out: write}) }()
	read.Close()
	if err := <-end; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A zero byte is reported with the number of its line. The lines before it have
// arrived.
func TestPlainZeroByte(t *testing.T) {
	srv := startServer(t)
	bob := srv.Join(t, "bob")
	s := runScript(t, t.Context(), dial(t, dialer(srv.Addr.String(), "alice")), PlainOptions{})
	go io.WriteString(s.in, "fine\na\x00b\nnever\n")
	err := <-s.end
	if err == nil || err.Error() != "line 2 of the input was not sent: the text has a zero byte at position 1, which would end it there" {
		t.Errorf("it ended with %v", err)
	}
	bob.Expect("alice", "fine")
}

// However long its lines are, an input is cut into pieces that together are the
// input. None is too long, and none ends within a character.
func FuzzSplitLines(f *testing.F) {
	f.Add("one\ntwo\r\n\nthree", uint16(0))
	f.Add("ż", uint16(40000))
	f.Add("\x80\n", uint16(65535))
	f.Add("👩\xf0\x9f", uint16(16384))
	f.Fuzz(func(t *testing.T, text string, times uint16) {
		text = strings.Repeat(text, 1+int(times))
		if len(text) > 1<<20 {
			return
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		lines.Buffer(nil, maxLine+1)
		lines.Split(splitLines)
		var got strings.Builder
		for lines.Scan() {
			if len(lines.Bytes()) > maxLine {
				t.Fatalf("a line of %d bytes", len(lines.Bytes()))
			}
			if utf8.ValidString(text) && !utf8.Valid(lines.Bytes()) {
				t.Fatal("a character is cut")
			}
			got.Write(lines.Bytes())
		}
		ends := strings.NewReplacer("\r", "", "\n", "")
		if lines.Err() != nil || ends.Replace(got.String()) != ends.Replace(text) {
			t.Fatalf("the lines don't make the text: %v", lines.Err())
		}
	})
}
