// Package admin is how operators reach a running server: what they can ask of it and
// what it answers, the Unix socket over which they do so, and the tables that people
// read.
//
//	request   {"command":"kick","target":"eve","reason":"spam"}
//	answer    {"result":{"clients":[…]}}  or  {"error":"there is no client \"eve\""}
//
// Each connection carries one request and its answer, an object of JSON in a line each.
// The package knows no server: a Handler does what is asked for.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// A Request is what an operator asks for. Each command uses some of the fields.
type Request struct {
	Command    string `json:"command"`
	Room       string `json:"room,omitempty"`
	Target     string `json:"target,omitempty"`  // of kick: an ID, a name or an address
	All        bool   `json:"all,omitempty"`     // of kick: all that have the name
	Network    string `json:"network,omitempty"` // of ban and unban: also an address
	For        string `json:"for,omitempty"`     // of ban: a duration; none is until it is removed
	Reason     string `json:"reason,omitempty"`
	Text       string `json:"text,omitempty"`       // of say
	Key        string `json:"key,omitempty"`        // of rekey
	Disconnect bool   `json:"disconnect,omitempty"` // of rekey
	Off        bool   `json:"off,omitempty"`        // of drain
	Level      string `json:"level,omitempty"`      // of loglevel; none asks for it
}

// An Actor is who asks.
type Actor struct {
	Terminal bool // the server's own; the rest is not set then
	UID      uint32
	User     string // its name, if it has one
	PID      int32
}

func (a Actor) String() string {
	switch {
	case a.Terminal:
		return "terminal"
	case a.User == "":
		return fmt.Sprintf("uid %d, pid %d", a.UID, a.PID)
	}
	return fmt.Sprintf("%s (uid %d), pid %d", a.User, a.UID, a.PID)
}

// A Handler does what an operator asks for. The result is one that NewResult returns. The
// error is for people. Handlers are called by several goroutines at once.
type Handler func(ctx context.Context, by Actor, r Request) (Result, error)

// A Result is what came of a request. It is marshalled as JSON.
type Result interface {
	// AppendText appends what people read, in lines. Nothing in it acts on a terminal.
	AppendText(dst []byte) []byte
}

// maxRequest is how many bytes a request may have: more than the longest text to be said
// and its escapes need.
const maxRequest = 64 << 10

// parseRequest parses a line. It accepts no field that it does not know: it might be what
// makes the difference.
func parseRequest(line []byte) (r Request, err error) {
	if !utf8.Valid(line) {
		return r, errors.New("the request is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("the request can't be understood, perhaps because it is of another version of sop-chat: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("there is more than one request in the line")
	}
	return r, nil
}

// An answer is what goes back.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// A RefusedError is why a server did not do what was asked for, in its words.
type RefusedError struct{ Words string }

func (e *RefusedError) Error() string { return e.Words }

// Encode returns a result as a line of JSON without any character that is not ASCII, so
// that it can be shown on every terminal.
func Encode(r Result) ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return append(toASCII(line), '\n'), nil
}

// toASCII escapes what is not printable ASCII in the strings of JSON.
func toASCII(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		if b[i] < 0x7f {
			out = append(out, b[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r > 0xffff {
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

const (
	// exchangeTimeout is how long a request may take to come, and its answer to be taken.
	exchangeTimeout = 10 * time.Second
	// endTimeout is that for what is under way when the server ends.
	endTimeout = time.Second
	// handleTimeout is how long it may take to do what is asked for.
	handleTimeout = time.Minute
)
