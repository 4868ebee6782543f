package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// A RefusedError says that the server closed the connection instead of admitting
// the client.
type RefusedError struct {
	Addr   string
	Reason Refusal
}

// A Refusal is why a server refuses a client. Through a page it is known, unless the
// server is older than this package. Over plain TCP it is always UnknownRefusal: there
// the server just closes the connection, whatever the reason.
type Refusal int

// The reasons of a RefusedError.
const (
	UnknownRefusal Refusal = iota // one of the others
	WrongKey
	RoomFull
	NameTaken // somebody in the room has this name, or one that looks like it
	Draining  // the server lets nobody in for now
)

func (r Refusal) String() string {
	switch r {
	case WrongKey:
		return "the key is wrong"
	case RoomFull:
		return "the room is full"
	case NameTaken:
		return "somebody with this name, or one that looks like it, is in the room"
	case Draining:
		return "the server lets nobody in for now"
	}
	return "the key is wrong, the room is full, or the name is taken"
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s did not let us in: %v", e.Addr, e.Reason)
}

// A KickedError says that an operator of the server has disconnected the client, or banned
// its address. It is known through a page only; over plain TCP it is like any other end of
// the connection.
type KickedError struct {
	Reason string // in the operator's words; may be empty
}

func (e *KickedError) Error() string {
	if e.Reason == "" {
		return "an operator of the server disconnected this client"
	}
	return fmt.Sprintf("an operator of the server disconnected this client: %q", e.Reason)
}

// A NotAChatError says that the server did not answer with the echo of the name
// and key, so it is not a sop-chat server.
type NotAChatError struct{ Addr string }

func (e *NotAChatError) Error() string {
	return fmt.Sprintf("what answers at %s is not a sop-chat server", e.Addr)
}

// A HandshakeError says that the server at the address of a page did not open a
// WebSocket that speaks Subprotocol. With status 429 it may do so later.
type HandshakeError struct {
	Addr   string
	Status int // of its answer, if it is not another WebSocket; else 0
	Reason string
}

func (e *HandshakeError) Error() string {
	if e.Status == http.StatusTooManyRequests {
		return fmt.Sprintf("%s does not let this address in: %s", e.Addr, e.Reason)
	}
	return fmt.Sprintf("%s is not the page of a sop-chat server: %s", e.Addr, e.Reason)
}

// A ClosedError says that the server ended the connection, or that it broke.
type ClosedError struct {
	Err error // io.EOF, ErrNoAnswer, a KickedError, or how it broke
}

// ErrNoAnswer is in a ClosedError when the machine at the other end did not
// answer for too long: it is gone, or the network is.
var ErrNoAnswer = errors.New("the server does not answer any more")

func (e *ClosedError) Error() string {
	if kicked, ok := errors.AsType[*KickedError](e.Err); ok {
		return kicked.Error()
	}
	switch {
	case errors.Is(e.Err, io.EOF):
		return "the server closed the connection"
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		return "the server closed the connection within a message"
	case endOfStream(e.Err):
		return "the server broke off the connection"
	}
	return "the connection broke: " + words(e.Err)
}

// words returns what happened in an error of the network, without the addresses of
// the two ends and the name of the system call.
func words(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		err = e.Err
	}
	return err.Error()
}

func (e *ClosedError) Unwrap() error { return e.Err }

// A NameTooLongError says that a name has more than MaxName bytes.
type NameTooLongError struct{ Length int }

func (e *NameTooLongError) Error() string {
	return fmt.Sprintf("the name is %d bytes long; at most %d fit", e.Length, MaxName)
}

// A KeyTooLongError says that a key has more than MaxText bytes.
type KeyTooLongError struct{ Length int }

func (e *KeyTooLongError) Error() string {
	return fmt.Sprintf("the key is %d bytes long; at most %d fit", e.Length, MaxText)
}

// A TextTooLongError says that a text has more than MaxText bytes and may not be
// split.
type TextTooLongError struct{ Length int }

func (e *TextTooLongError) Error() string {
	return fmt.Sprintf("the text is %d bytes long; at most %d fit", e.Length, MaxText)
}

// A ZeroByteError says that a field contains a zero byte. It would end there for
// every receiver.
type ZeroByteError struct {
	Field    string // "name", "key" or "text"
	Position int
}

func (e *ZeroByteError) Error() string {
	return fmt.Sprintf("the %s has a zero byte at position %d, which would end it there", e.Field, e.Position)
}

func checkFields(name, key string) error {
	switch {
	case len(name) > MaxName:
		return &NameTooLongError{Length: len(name)}
	case len(key) > MaxText:
		return &KeyTooLongError{Length: len(key)}
	}
	if err := checkZero("name", name); err != nil {
		return err
	}
	return checkZero("key", key)
}

func checkZero(field, s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return &ZeroByteError{Field: field, Position: i}
	}
	return nil
}

// endOfStream reports whether a read or write failed because the other side has
// closed the connection, in any way.
func endOfStream(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		slices.ContainsFunc(closeErrors, func(c error) bool { return errors.Is(err, c) })
}

// contextError returns ctx's error if ctx is done, else err.
func contextError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
