package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"

	"sop-chat/internal/wire"
)

// queued is how many messages wait for a client.
const queued = 256

// A hub passes on what a client says to all others. It is an HTTP handler; its
// goroutine runs as long as the process.
type hub struct {
	key        string
	register   chan *client
	unregister chan *client
	broadcast  chan said
}

// A client is one WebSocket.
type client struct {
	conn  *websocket.Conn
	hello []byte
	send  chan []byte
	gone  chan struct{} // closed when it is not written to any more
}

// A said is a message and the client that it is from.
type said struct {
	from    *client
	message []byte
}

func newHub(key string) *hub {
	h := &hub{key: key, register: make(chan *client), unregister: make(chan *client), broadcast: make(chan said)}
	go h.run()
	return h
}

func (h *hub) run() {
	clients := make(map[*client]bool)
	for {
		select {
		case c := <-h.register:
			clients[c] = true
			c.take(c.hello)
		case c := <-h.unregister:
			delete(clients, c)
		case s := <-h.broadcast:
			for c := range clients {
				if c != s.from {
					c.take(s.message)
				}
			}
		}
	}
}

// take queues a message, and waits if there are too many.
func (c *client) take(message []byte) {
	select {
	case c.send <- message:
	case <-c.gone:
	}
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // and the client was told
	}
	defer conn.CloseNow()
	hello, err := read(conn)
	if err != nil {
		return
	}
	if m := wire.Message(hello); !m.HasKey(h.key) {
		conn.Close(websocket.StatusNormalClosure, "the key is wrong")
		return
	}
	c := &client{conn: conn, hello: hello, send: make(chan []byte, queued), gone: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.write(ctx)
	h.register <- c
	for {
		message, err := read(conn)
		if err != nil {
			break
		}
		h.broadcast <- said{c, message}
	}
	cancel()
	h.unregister <- c
}

var errFrame = errors.New("a frame is binary and has one message of 512 bytes")

// read reads one message.
func read(conn *websocket.Conn) ([]byte, error) {
	kind, message, err := conn.Read(context.Background())
	if err == nil && (kind != websocket.MessageBinary || len(message) != wire.Size) {
		conn.Close(websocket.StatusUnsupportedData, errFrame.Error())
		err = errFrame
	}
	return message, err
}

// write writes what is queued, until ctx is done or the connection broke.
func (c *client) write(ctx context.Context) {
	defer close(c.gone)
	for {
		select {
		case message := <-c.send:
			if err := c.conn.Write(ctx, websocket.MessageBinary, message); err != nil {
				c.conn.CloseNow() // which ends the reader too
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
