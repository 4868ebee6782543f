package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"sop-chat/client"
	"sop-chat/internal/console"
)

// PlainOptions says how lines are read and printed.
type PlainOptions struct {
	// JSON prints objects instead of "name: text".
	JSON bool
	// In is read for lines to send, Out gets a line for each message.
	In  io.Reader
	Out io.Writer
}

// errBrokenPipe says that nobody reads the output any more.
var errBrokenPipe = errors.New("nobody reads the output")

// Plain sends each line of the input as a message and prints each message as a
// line, until the input ends. It then returns when the server has taken all
// that was sent. It closes c.
//
// It ends in the same way, without an error, when nobody reads the output any
// more (as with "| head"), and with ctx's cause once ctx is done. It fails if
// the connection ends before, or if the input has a zero byte, which a message
// can't have. If something was not sent, the error is an UnsentError.
//
// A goroutine that is reading the input may be left behind, so the program should
// end soon after.
func Plain(ctx context.Context, c *client.Client, o PlainOptions) error {
	err := plain(ctx, c, o)
	c.Close()
	if texts := c.Unacknowledged(); len(texts) > 0 {
		return &UnsentError{Texts: texts, Err: err}
	}
	return err
}

func plain(ctx context.Context, c *client.Client, o PlainOptions) error {
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	printed := make(chan error, 1)
	go func() { printed <- printMessages(c, o) }()
	sent := make(chan error, 1)
	go func() { sent <- sendLines(receiving, c, o.In) }()
	hangup := Hangup(receiving, o.Out)

	for {
		select {
		case err := <-sent:
			return finish(ctx, c, printed, err)
		case err := <-printed:
			if errors.Is(err, errBrokenPipe) {
				return finish(ctx, c, nil, nil)
			}
			if err != nil && ctx.Err() == nil {
				return err
			}
			printed = nil
		case <-hangup:
			return finish(ctx, c, nil, nil)
		case <-ctx.Done():
			grace, cancel := context.WithTimeout(context.Background(), leaveTimeout)
			defer cancel()
			return finish(grace, c, printed, context.Cause(ctx))
		}
	}
}

// finish waits until the server has taken what was sent and, if printed is not nil,
// until everything is printed. It returns cause, or if that is nil its own error.
func finish(ctx context.Context, c *client.Client, printed <-chan error, cause error) error {
	err := c.Finish(ctx)
	if printed != nil && err == nil {
		select {
		case printErr := <-printed:
			if !errors.Is(printErr, errBrokenPipe) {
				err = printErr
			}
		case <-ctx.Done():
		}
	}
	if cause != nil {
		return cause
	}
	return err
}

// printMessages prints messages until the connection ends. It writes those that
// have come together in one call.
func printMessages(c *client.Client, o PlainOptions) error {
	json := console.NewJSONWriter()
	var lines []byte
	for m, err := range c.Receive(context.Background()) {
		if err != nil {
			return err
		}
		lines = o.append(lines, json, m)
		if c.Buffered() > 0 {
			continue
		}
		if err := o.print(lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	return nil
}

// print writes to the output. It returns errBrokenPipe if nobody reads it any more.
func (o PlainOptions) print(lines []byte) error {
	_, err := o.Out.Write(lines)
	if err == nil {
		return nil
	}
	if IsBrokenPipe(err) {
		return errBrokenPipe
	}
	if file, is := errors.AsType[*fs.PathError](err); is {
		err = file.Err // without the name that Go has for it
	}
	return fmt.Errorf("standard output can't be written: %w", err)
}

// append appends a message as the output has it.
func (o PlainOptions) append(dst []byte, json console.JSONWriter, m client.Message) []byte {
	if o.JSON {
		return appendObject(dst, json, m)
	}
	return appendLine(dst, m)
}

func appendObject(dst []byte, json console.JSONWriter, m client.Message) []byte {
	if m.Number == 0 {
		return json.AppendMessage(dst, time.Now(), []byte(m.Name), []byte(m.Text))
	}
	return json.AppendMessageFrom(dst, m.Time, []byte(m.Name), []byte(m.From), []byte(m.Text))
}

func appendLine(dst []byte, m client.Message) []byte {
	name, text := []byte(strings.TrimSpace(m.Name)), []byte(m.Text)
	if m.Number > 0 && m.From != string(name) {
		return console.AppendClaimLine(dst, []byte(m.From), name, text)
	}
	return console.AppendLine(dst, name, text)
}

// sendLines sends each line of the input.
func sendLines(ctx context.Context, c *client.Client, in io.Reader) error {
	return eachLine(in, func(line string) error { return c.Send(ctx, line) })
}

// eachLine calls send for each line of the input, until it fails.
func eachLine(in io.Reader, send func(line string) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine+1)
	lines.Split(splitLines)
	for n := 1; lines.Scan(); n++ {
		err := send(lines.Text())
		if zero, ok := errors.AsType[*client.ZeroByteError](err); ok {
			return fmt.Errorf("line %d of the input was not sent: %w", n, zero)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the input can't be read: %w", err)
	}
	return nil
}
