package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/wire"
)

// The first two stages of the specification, before there are many clients and
// epoll: one connection at a time, with calls that wait.

// runStage listens and runs stage 1 or 2. When ctx ends, so does whatever the
// stage waits for, and that is no failure.
func runStage(ctx context.Context, o serveOptions, p Process, logger *slog.Logger) error {
	addrs, err := resolve(ctx, o.bind)
	if err != nil {
		return err
	}
	at := netip.AddrPortFrom(addrs[0], o.port)
	address := at.String()
	if at.Addr() == netip.IPv6Unspecified() {
		address = fmt.Sprintf(":%d", o.port) // of IPv4 too, and of that alone where there is no IPv6
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return listenError(err, at)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	invite(p.Stderr, o.port, addrs[:1], 1)
	warnOfWeakKey(p.Stderr, o.key, othersReach(addrs[:1], false))

	if o.stage == 1 {
		err = stage1(listener)
	} else {
		err = stage2(ctx, listener, o, p, logger)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// stage1 closes the first connection.
func stage1(listener net.Listener) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	return conn.Close()
}

// stage2 serves one client after the other, until one had the right key.
func stage2(ctx context.Context, listener net.Listener, o serveOptions, p Process, logger *slog.Logger) error {
	room := newStageRoom(o)
	wait := show(room.log, o, p, logger)
	defer wait()
	defer room.log.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		accepted, err := converse(ctx, conn, room)
		if err != nil {
			logger.Info("the client left early", "address", conn.RemoteAddr(), "cause", err)
		}
		if accepted {
			return nil
		}
	}
}

// converse reads the authentication message from a connection, and if the key
// is right, five more. It closes the connection.
func converse(ctx context.Context, conn net.Conn, room *stageRoom) (accepted bool, err error) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	var message wire.Message
	if _, err := io.ReadFull(conn, message[:]); err != nil {
		return false, err
	}
	client := room.authenticate(&message, conn.RemoteAddr())
	if client == nil {
		return false, nil
	}
	if _, err := conn.Write(message[:]); err != nil {
		return true, err
	}
	for range 5 {
		if _, err := io.ReadFull(conn, message[:]); err != nil {
			return true, err
		}
		room.publish(client, &message)
	}
	return true, nil
}

// A stageRoom is a room that nobody reads but the console.
type stageRoom struct {
	key   string
	log   *broadcast.Log
	batch *broadcast.Batch
}

func newStageRoom(o serveOptions) *stageRoom {
	return &stageRoom{
		key:   o.key,
		log:   broadcast.New(o.backlog, wire.Size),
		batch: broadcast.NewBatch(wire.Size),
	}
}

// authenticate shows the name and the key that a client gave. It returns nil
// if the key is wrong.
func (r *stageRoom) authenticate(message *wire.Message, from net.Addr) *broadcast.Sender {
	at := from.(*net.TCPAddr).AddrPort()
	client := &broadcast.Sender{
		Name: string(message.TrimmedName()),
		Addr: netip.AddrPortFrom(at.Addr().Unmap(), at.Port()),
	}
	notice := &broadcast.Notice{
		Kind: broadcast.Accepted, From: client, Key: string(message.Text()), Time: time.Now(),
	}
	if !message.HasKey(r.key) {
		notice.Kind, notice.Reason = broadcast.Refused, "wrong key"
		client = nil
	}
	r.log.Announce(notice)
	return client
}

// publish shows a message.
func (r *stageRoom) publish(from *broadcast.Sender, message *wire.Message) {
	r.batch.Add(from, copy(r.batch.Free(), message[:]))
	r.log.Append(r.batch, time.Now())
	r.log.Wake(nil)
}
