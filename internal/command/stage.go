package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/console"
	"sop-chat/internal/english"
	"sop-chat/internal/wire"
)

// The first two stages of the specification, without epoll: one connection at a
// time, with blocking calls.

// runStage listens and runs stage 1 or 2. It ends when ctx is done, which is not an
// error.
func runStage(ctx context.Context, o serveOptions, p Process, logger *slog.Logger) error {
	addrs, err := resolve(ctx, o.bind)
	if err != nil {
		return err
	}
	at := netip.AddrPortFrom(addrs[0], o.port)
	address := at.String()
	if at.Addr() == netip.IPv6Unspecified() {
		address = fmt.Sprintf(":%d", o.port) // IPv4 too, or only IPv4 if there is no IPv6
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return listenError(err, at)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	announceStage(p.Stderr, o.stage)
	if o.stage == 1 {
		err = stage1(listener, invitation{port: o.port, bound: addrs[:1]}, p.Stderr)
	} else {
		invite(p.Stderr, o.port, addrs[:1], 1, nil, false)
		warnOfKeys(p.warnings, o.allRooms(), othersReach(addrs[:1], false), logger)
		err = stage2(ctx, listener, o, p, logger)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// announceStage writes what the server does in one of the first stages.
func announceStage(out io.Writer, stage int) {
	task := []string{
		1: "it closes the first connection, and ends",
		2: "it serves one client at a time, with blocking calls, and ends after 5 messages of a client that knows the key",
		3: "clients chat, on epoll; SIGINT is not handled and kills it",
	}
	if stage < len(task) {
		fmt.Fprintf(out, "sop-chat: stage %d of 4: %s\n", stage, task[stage])
	}
}

// stage1 closes the first connection.
func stage1(listener net.Listener, at invitation, out io.Writer) error {
	fmt.Fprintf(out, "sop-chat: listening on port %d, %s\n", at.port, at.where())
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	err = conn.Close()
	fmt.Fprintf(out, "sop-chat: %s connected; closed the connection, and that ends the stage\n", conn.RemoteAddr())
	return err
}

// stage2 serves one client after the other, until one has given the right key.
func stage2(ctx context.Context, listener net.Listener, o serveOptions, p Process, logger *slog.Logger) error {
	room := newStageRoom(o)
	display := show(o, p, console.Former{}, logger)
	display.follow(room.log, "")
	defer display.close()
	defer display.wait()
	defer room.log.Close()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if serveStageClient(ctx, conn, room, p.Stderr) {
			return nil
		}
	}
}

// stageMessages is how many messages stage 2 reads from its client.
const stageMessages = 5

// serveStageClient reads the authentication message from a connection and, if the
// key is right, sends it back and reads stageMessages more. It closes the
// connection, writes what it does while it does it, and reports whether the key
// was right.
func serveStageClient(ctx context.Context, conn net.Conn, room *stageRoom, out io.Writer) (accepted bool) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	tell := func(format string, args ...any) {
		if ctx.Err() == nil { // or the server has closed the connection
			fmt.Fprintf(out, "sop-chat: "+format+"\n", args...)
		}
	}
	tell("%s connected; waiting for %s: a name and a key", conn.RemoteAddr(), english.Count(wire.Size, "byte"))

	var message wire.Message
	if n, err := io.ReadFull(conn, message[:]); err != nil {
		tell("%s after %s; closed it, waiting for the next", disconnectReason(err), english.Count(n, "byte"))
		return false
	}
	client := room.authenticate(&message, conn.RemoteAddr())
	if client == nil {
		tell("the key is wrong; closed the connection, sent nothing, waiting for the next")
		return false
	}
	if _, err := conn.Write(message[:]); err != nil {
		tell("the key is right, but the answer could not be sent: %s", disconnectReason(err))
		return true
	}
	tell("the key is right; sent all of it back, waiting for %s", english.Count(stageMessages, "message"))
	for i := range stageMessages {
		if n, err := io.ReadFull(conn, message[:]); err != nil {
			tell("%s after %d of %s and %s; closed it, and that ends the stage", disconnectReason(err), i, english.Count(stageMessages, "message"), english.Count(n, "byte"))
			return true
		}
		room.publish(client, &message)
	}
	tell("read %s; closed the connection, and that ends the stage", english.Count(stageMessages, "message"))
	return true
}

// disconnectReason puts into words how a connection ended.
func disconnectReason(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the client closed the connection"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return "the connection failed (" + errno.Error() + ")"
	}
	return "the connection failed (" + err.Error() + ")"
}

// A stageRoom is a room whose log only the console follows.
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

// authenticate announces the name and the key that a client gave. It returns nil if
// the key is wrong.
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

// publish appends a message to the log.
func (r *stageRoom) publish(from *broadcast.Sender, message *wire.Message) {
	r.batch.Add(from, copy(r.batch.Free(), message[:]))
	r.log.Append(r.batch, time.Now())
	r.log.Wake(nil)
}
