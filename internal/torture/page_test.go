//go:build linux

package torture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// A pageClient speaks sop-chat.v2 as the page does: it comes back to any server with
// what it has, and sends again what did not arrive.
type pageClient struct {
	*speaker
	epoch uint64
	after uint64 // the number of the last message that it has
	from  uint64 // the server at which it last knew what had arrived

	writing sync.Mutex // held while a message is sent, so that they stay in order
	mu      sync.Mutex
	conn    *websocket.Conn // nil while it can't say anything
	former  []Message       // sent over an earlier connection, and may have arrived
	sent    []Message       // sent over this one, and not acknowledged
}

// silence is after how long without an answer a page leaves a connection.
const silence = 4 * time.Second

func (c *pageClient) run() {
	server := c.server()
	for c.ctx.Err() == nil {
		if c.random.IntN(2) == 0 {
			server = c.server()
		}
		conn, admission, err := c.join(server)
		if err != nil {
			c.pause(time.Duration(50+c.random.IntN(200)) * time.Millisecond)
			continue
		}
		c.visit(server, conn, admission)
	}
}

var errAdmission = errors.New("the first frame is not as it should be")

func (c *pageClient) join(server int) (*websocket.Conn, []byte, error) {
	ctx, cancel := context.WithTimeout(c.ctx, silence)
	defer cancel()
	number := uint64(c.id) + 1 // 0 would be none
	url := fmt.Sprintf("ws://%s/ws?client=%016x&from=%016x", c.addresses[server].page, number, c.uncertain())
	if c.epoch != 0 {
		url += fmt.Sprintf("&epoch=%016x&after=%d", c.epoch, c.after)
	}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"sop-chat.v2"}})
	if err != nil {
		return nil, nil, err
	}
	conn.SetReadLimit(-1)
	first := firstMessage(c.id, c.room)
	err = conn.Write(ctx, websocket.MessageBinary, first[:])
	var frame []byte
	if err == nil {
		_, frame, err = conn.Read(ctx)
	}
	if n := len(frame) - wire.Size; err == nil && (n != 32 && n != 40 || wire.Message(frame[n:]) != first) { // of a cluster, or not
		c.add(Event{Kind: Invented, Client: c.id})
		err = errAdmission
	}
	if err != nil {
		conn.CloseNow()
	}
	return conn, frame, err
}

// uncertain returns the server that may have yet to deliver something that the client said; 0
// if there is none.
func (c *pageClient) uncertain() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.former) == 0 {
		return 0
	}
	return c.from
}

// visit is a connection, until its end.
func (c *pageClient) visit(server int, conn *websocket.Conn, admission []byte) {
	number, known := binary.BigEndian.Uint64(admission), binary.BigEndian.Uint64(admission[24:])
	isNew := c.epoch == 0
	c.epoch = binary.BigEndian.Uint64(admission[16:])
	c.add(Event{Kind: Joined, Client: c.id, Server: int32(server), Epoch: c.epoch, Number: known, First: number})
	if !isNew && c.after+1 < number && !c.catchUp(server, number) {
		conn.CloseNow()
		c.mu.Lock()
		c.add(Event{Kind: Left, Client: c.id})
		c.mu.Unlock()
		return
	}
	c.after = number - 1
	ctx, cancel := context.WithCancel(c.ctx)
	var beside sync.WaitGroup
	var heard atomic.Int64 // when, in nanoseconds
	heard.Store(time.Now().UnixNano())
	beside.Go(func() { c.watch(ctx, conn, &heard) })
	isSettled := false
	for {
		_, frame, err := conn.Read(ctx)
		if err != nil || len(frame) < 16 {
			break
		}
		heard.Store(time.Now().UnixNano())
		c.take(frame)
		if len(frame) == 16 && !isSettled {
			isSettled = true
			if c.from = 0; len(admission) == 40+wire.Size {
				c.from = binary.BigEndian.Uint64(admission[32:])
			}
			beside.Go(func() {
				c.sendAgain(ctx, conn)
				c.talk(c, ctx.Done(), nil)
			})
		}
	}
	cancel()
	conn.CloseNow()
	c.mu.Lock()
	c.conn = nil
	c.former, c.sent = append(c.former, c.sent...), nil
	c.add(Event{Kind: Left, Client: c.id})
	c.mu.Unlock()
	beside.Wait()
}

// watch asks for answers, and closes a connection over which none come.
func (c *pageClient) watch(ctx context.Context, conn *websocket.Conn, heard *atomic.Int64) {
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { // apart, since writing may have to wait
		for ctx.Err() == nil {
			conn.Write(ctx, websocket.MessageBinary, nil)
			select {
			case <-time.After(silence / 4):
			case <-ctx.Done():
			}
		}
	})
	again := time.NewTicker(silence / 8)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			if time.Since(time.Unix(0, heard.Load())) > silence {
				conn.CloseNow()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// take takes a frame behind the first one.
func (c *pageClient) take(frame []byte) {
	number, body := binary.BigEndian.Uint64(frame), frame[16:]
	if number == 0 {
		return // said outside of the room
	}
	if len(body) == wire.NameSize+wire.Size {
		body = body[wire.NameSize:]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.after+1 < number && len(c.sent) > 0 {
		c.after++
		c.add(Event{Kind: Acknowledged, Client: c.id, Message: c.sent[0], Number: c.after})
		c.sent = c.sent[1:]
	}
	c.after = number - 1 // if nothing explains the numbers between, they are a fault
	for ; len(body) >= wire.Size; body = body[wire.Size:] {
		c.see(received(c.id, body[:wire.Size], c.after+1))
	}
	if len(body) > 0 {
		c.add(Event{Kind: Invented, Client: c.id})
	}
}

// see sees the next message of the room. The caller holds c.mu.
func (c *pageClient) see(e Event) {
	c.after++
	if i := slices.Index(c.former, e.Message); i >= 0 && e.Kind == Received {
		c.former = slices.Delete(c.former, i, i+1)
	}
	c.add(e)
}

// sendAgain sends what has not arrived over earlier connections. From then on others may be sent.
func (c *pageClient) sendAgain(ctx context.Context, conn *websocket.Conn) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for ctx.Err() == nil {
		c.mu.Lock()
		if len(c.former) == 0 {
			c.conn = conn
			c.mu.Unlock()
			return
		}
		m := c.former[0]
		c.former = c.former[1:]
		c.sent = append(c.sent, m)
		c.add(Event{Kind: Sent, Client: c.id, Message: m})
		c.mu.Unlock()
		write(ctx, conn, m)
	}
}

func write(ctx context.Context, conn *websocket.Conn, m Message) bool {
	b := encode(m)
	return conn.Write(ctx, websocket.MessageBinary, b[:]) == nil
}

func (c *pageClient) say(prepare func(Message)) bool {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	conn := c.conn
	if conn == nil {
		c.mu.Unlock()
		return false
	}
	m := c.next()
	prepare(m)
	c.sent = append(c.sent, m)
	c.add(Event{Kind: Sent, Client: c.id, Message: m})
	c.mu.Unlock()
	return write(c.ctx, conn, m)
}
