package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"time"
)

// ErrNoAnswer is why nothing is known of what was asked for.
var ErrNoAnswer = errors.New("the server ended the connection without an answer; its log may say why")

// Call asks the server at a socket for something, and returns what came of it. What the
// server refuses is a RefusedError.
func Call(ctx context.Context, path string, r Request) (Result, error) {
	result := NewResult(r.Command)
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, unreachable(path, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	conn.SetDeadline(time.Now().Add(handleTimeout + 2*exchangeTimeout))
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return nil, broken(ctx, err)
	}
	const most = 1 << 30
	var a answer
	switch err := json.NewDecoder(io.LimitReader(bufio.NewReader(conn), most)).Decode(&a); {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, ErrNoAnswer
	case err != nil:
		return nil, broken(ctx, err)
	case a.Error != "":
		return nil, &RefusedError{a.Error}
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return nil, fmt.Errorf("the answer can't be understood, perhaps because the server is of another version of sop-chat: %w", err)
	}
	return result, nil
}

// unreachable returns why there is no connection, and what to do.
func unreachable(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no socket %s; does the server run, with --admin %s?", path, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is that of another user's server; sudo may help", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no server listens at %s any more", path)
	}
	return err
}

// broken returns why a connection broke.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the connection to the server broke: %w", err)
}
