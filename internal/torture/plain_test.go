//go:build linux

package torture

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"sop-chat/internal/wire"
)

// A plainClient speaks the 512-byte messages over TCP. When its connection ends it goes
// to any server, and now and then it leaves by itself.
type plainClient struct {
	*speaker
	mu   sync.Mutex
	conn *net.TCPConn // nil while it can't send
}

func (c *plainClient) run() {
	for c.ctx.Err() == nil {
		server := c.server()
		conn, err := c.join(server)
		if err != nil {
			c.pause(time.Duration(50+c.random.IntN(200)) * time.Millisecond)
			continue
		}
		c.visit(server, conn)
	}
}

var errEcho = errors.New("the echo is not what was sent")

// join connects, gives the key, and takes the echo.
func (c *plainClient) join(server int) (*net.TCPConn, error) {
	const patience = 3 * time.Second // with one that may be stopped
	dialer := net.Dialer{Timeout: patience}
	dialed, err := dialer.DialContext(c.ctx, "tcp", c.addresses[server].chat)
	if err != nil {
		return nil, err
	}
	conn := dialed.(*net.TCPConn)
	first, echo := firstMessage(c.id, c.room), make([]byte, wire.Size)
	conn.SetDeadline(time.Now().Add(patience))
	_, err = conn.Write(first[:])
	if err == nil {
		_, err = io.ReadFull(conn, echo)
	}
	if err == nil && wire.Message(echo) != first {
		c.add(Event{Kind: Invented, Client: c.id})
		err = errEcho
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return conn, nil
}

// firstMessage returns the message with which a client joins a room.
func firstMessage(client int32, room string) wire.Message {
	m := encode(Message{client, 0})
	clear(m[wire.NameSize:])
	copy(m[wire.NameSize:], keyOf(room))
	return m
}

// visit is a connection, until its end.
func (c *plainClient) visit(server int, conn *net.TCPConn) {
	c.mu.Lock()
	c.add(Event{Kind: Joined, Client: c.id, Server: int32(server)})
	c.conn = conn
	c.mu.Unlock()
	done := make(chan struct{})
	var talking sync.WaitGroup
	stop := func() bool { return conn.Close() == nil }
	go func() {
		select {
		case <-c.ctx.Done():
			stop()
		case <-done:
		}
	}()
	if c.pinned < 0 {
		talking.Go(func() { c.talk(c, done, c.leave) })
	}
	b := make([]byte, wire.Size)
	for {
		if _, err := io.ReadFull(conn, b); err != nil {
			break
		}
		c.add(received(c.id, b, 0))
	}
	close(done)
	stop()
	c.mu.Lock()
	c.conn = nil
	c.add(Event{Kind: Left, Client: c.id})
	c.mu.Unlock()
	talking.Wait()
}

// received returns the event of receiving a message.
func received(client int32, b []byte, number uint64) Event {
	m, ok := decode(b)
	if !ok {
		return Event{Kind: Invented, Client: client}
	}
	return Event{Kind: Received, Client: client, Message: m, Number: number}
}

// leave ends what is sent. The connection goes on until the server ends it.
func (c *plainClient) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.CloseWrite()
		c.conn = nil
	}
}

func (c *plainClient) say(prepare func(Message)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return false
	}
	m := c.next()
	prepare(m)
	c.add(Event{Kind: Sent, Client: c.id, Message: m})
	b := encode(m)
	_, err := c.conn.Write(b[:])
	return err == nil
}
