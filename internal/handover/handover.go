// Package handover is a running server as a value, and the format in which one process
// leaves it to the next: in a file, mostly one in memory, whose descriptor the next one
// inherits together with those that the value names.
//
//	┌───────┬─────────┬────────┬──────────┬──────┬──────────┬──────┐
//	│ magic │ version │ oldest │ size of  │ size │ metadata │ bulk │
//	│   8   │    4    │   4    │ metadata │  of  │  (JSON)  │      │
//	│       │         │        │    8     │ bulk │          │      │
//	└───────┴─────────┴────────┴──────────┴──────┴──────────┴──────┘
//
// All integers are little-endian. A file says the version of its format, and the oldest
// version whose readers can read it: a version that adds what others may ignore leaves the
// oldest as it was. A reader refuses a file that asks for a newer one than its own.
//
// It knows values and bytes: no sockets, no loops and no processes.
package handover

import (
	"encoding/json"
	"net/netip"
	"time"

	"sop-chat/internal/broadcast"
	"sop-chat/internal/histogram"
	"sop-chat/internal/origin"
	"sop-chat/internal/websocket"
)

// A State is a server between two wake-ups of its loops. Descriptors have the numbers that
// they have in the process that is to go on. Names and keys of clients may be any bytes.
type State struct {
	// Program is the version of the program that saved it, for people.
	Program string `json:"program,omitempty"`
	// SavedAt is when that was.
	SavedAt time.Time `json:"saved_at"`

	LastID    uint64                  `json:"last_id"`           // of the connection that came last
	Senders   []broadcast.SavedSender `json:"senders,omitempty"` // index 0 is the sender 1
	Listeners []Listener              `json:"listeners,omitempty"`
	Memory    *Memory                 `json:"memory,omitempty"` // nil: all messages are in the bulk

	Strangers *broadcast.SavedLog `json:"strangers,omitempty"`
	Rooms     []Room              `json:"rooms,omitempty"`
	Members   []Member            `json:"members,omitempty"` // and draining connections
	Pending   []Pending           `json:"pending,omitempty"` // in the order in which they came
	Adopted   []Adopted           `json:"adopted,omitempty"` // handed to the server, and not yet taken by it
	Origins   *origin.Saved       `json:"origins,omitempty"`

	// Counts are what the server has counted since it started.
	Counts *Counts `json:"counts,omitempty"`

	// Drains says that the server lets nobody in.
	Drains bool `json:"drains,omitempty"`

	// Others has what belongs to other parts of the program, by their names. The server
	// leaves it alone.
	Others map[string]json.RawMessage `json:"others,omitempty"`
}

// A Listener is a socket that listens. Those of the server have the name Server.
type Listener struct {
	Name string `json:"name"`
	FD   int    `json:"fd"`
}

// Server is the name of the server's own listeners.
const Server = "server"

// A Memory is the file in memory in which messages lie, see netpoll.Memory.
type Memory struct {
	FD     int   `json:"fd"`
	Piece  int   `json:"piece"`          // bytes
	Extent int   `json:"extent"`         // pieces by which it grows
	Pieces int   `json:"pieces"`         // how many it has
	Warm   []int `json:"warm,omitempty"` // that are free and have pages

	Populates bool `json:"populates,omitempty"` // the system can provide pages in advance
}

// A Room is a room with its log.
type Room struct {
	Name  string              `json:"name"`
	Epoch uint64              `json:"epoch"`
	Log   *broadcast.SavedLog `json:"log"`
	// Arrivals are what has yet to be announced; nil if that is nothing.
	Arrivals *Arrivals `json:"arrivals,omitempty"`
	// Outgoing is the log of what is said in it, if it relays; Returned the position there
	// before which all has come back; and Left are clients whose connections have ended, and
	// of which something has yet to.
	Outgoing *broadcast.SavedLog `json:"outgoing,omitempty"`
	Returned uint64              `json:"returned,omitempty"`
	Left     []LeftClient        `json:"left,omitempty"`
	// Voids are the senders, of State.Senders, whose messages in the outgoing log from Returned
	// on are void.
	Voids []uint32 `json:"voids,omitempty"`
}

// A LeftClient is a client that said which one it is.
type LeftClient struct {
	Client uint64 `json:"client"`
	Said   uint64 `json:"said"` // all it has said is before that, in the outgoing log
	// Sender is that of what it has said, of State.Senders; 0: it is not known.
	Sender uint32 `json:"sender,omitempty"`
}

// Arrivals are clients of which it has yet to be announced that they have joined, or left.
type Arrivals struct {
	Joined int       `json:"joined,omitempty"`
	Left   int       `json:"left,omitempty"`
	Names  []Arrival `json:"names,omitempty"` // the first ones
	// Away are the names of those that an earlier hand-over has disconnected, and that are to
	// come back.
	Away [][]byte `json:"away,omitempty"`
}

// An Arrival is one of them.
type Arrival struct {
	Name []byte `json:"name"`
	Left bool   `json:"left,omitempty"`
}

// A Conn is what members and pending connections have in common.
type Conn struct {
	FD      int    `json:"fd"`
	Sender  uint32 `json:"sender"`  // its own, of State.Senders
	Framing uint8  `json:"framing"` // 0: raw, 1: WebSocket, 2: numbered
	// Message is what has come of an incomplete message, or of the authentication message;
	// or the rest of an echo.
	Message []byte `json:"message,omitempty"`
	// Greeting is what is to be sent behind the echo.
	Greeting       []byte  `json:"greeting,omitempty"`
	Frames         *Frames `json:"frames,omitempty"`
	UserTimeoutOff bool    `json:"user_timeout_off,omitempty"`
	Client         uint64  `json:"client,omitempty"` // which one it says it is; 0: it does not
	Pass           *Pass   `json:"pass,omitempty"`   // the key of a person by which it came
	HasName        bool    `json:"has_name,omitempty"`
	NamedSince     int64   `json:"named_since,omitempty"` // ms since 1970; 0: it was not kept
}

// Frames are what is kept of a WebSocket while something is incomplete.
type Frames struct {
	Decoder    websocket.SavedDecoder `json:"decoder"`
	Received   []byte                 `json:"received,omitempty"` // was read, and not looked at
	Out        []byte                 `json:"out,omitempty"`      // has to be sent first
	End        uint64                 `json:"end,omitempty"`      // of the frame that was begun; 0: none was
	Unanswered int                    `json:"unanswered,omitempty"`
	Target     uint64                 `json:"target,omitempty"` // one more than where it has caught up
	Ended      bool                   `json:"ended,omitempty"`
	Status     uint16                 `json:"status,omitempty"`
	Violation  string                 `json:"violation,omitempty"`
}

// A Pass is what a key of a person is good for.
type Pass struct {
	Label []byte `json:"label"`
	Room  string `json:"room"`
	ID    []byte `json:"id"`
}

// A Member is a connection in a room.
type Member struct {
	Conn
	Room    int    `json:"room"` // of State.Rooms
	Cursor  uint64 `json:"cursor"`
	LastOwn uint64 `json:"last_own,omitempty"`
	// Said is LastOwn in the outgoing log, while what is before it has not come back.
	Said uint64 `json:"said,omitempty"`
	// IsNew says that the others have yet to be told that it has joined.
	IsNew    bool          `json:"is_new,omitempty"`
	FullIn   time.Duration `json:"full_in,omitempty"`  // after which it may send a burst
	Draining *Cause        `json:"draining,omitempty"` // it is read to its end, and then closed
	// Ended is why it is not passed on; "" if it is. There is no descriptor then, and the
	// others have yet to be told.
	Ended string `json:"ended,omitempty"`
}

// A Cause says why a connection ends, for people, and how. Without words it is not known
// yet.
type Cause struct {
	Words    string `json:"words,omitempty"`
	Level    int    `json:"level,omitempty"`
	Reset    bool   `json:"reset,omitempty"`
	Complete bool   `json:"complete,omitempty"`
	Failed   bool   `json:"failed,omitempty"`
}

// A Pending is a connection that is to be a member.
type Pending struct {
	Conn
	Age       time.Duration  `json:"age"`                  // since it came
	Remote    netip.Addr     `json:"remote,omitzero"`      // at the far end of its socket
	Has       Since          `json:"has,omitzero"`         // what it says it has of the room
	Proxied   bool           `json:"proxied,omitempty"`    // a proxy's header may yet come
	Header    []byte         `json:"header,omitempty"`     // what came of that
	IsWhole   bool           `json:"is_whole,omitempty"`   // Message is its whole authentication message
	IsDelayed bool           `json:"is_delayed,omitempty"` // and waits because of wrong keys of its origin
	Waited    bool           `json:"waited,omitempty"`
	Looked    bool           `json:"looked,omitempty"`
	Judged    bool           `json:"judged,omitempty"`
	Echoing   *EchoingMember `json:"echoing,omitempty"` // it has a slot, and has yet to be sent Message
}

// An EchoingMember is what is known of a connection that is to be a member as soon as its
// echo is sent.
type EchoingMember struct {
	Room   int    `json:"room"`
	Cursor uint64 `json:"cursor"`
}

// A Since is what a client says it has of a room, see server.Since.
type Since struct {
	Epoch  uint64 `json:"epoch,omitempty"`
	Number uint64 `json:"number,omitempty"`
	Client uint64 `json:"client,omitempty"`
	From   uint64 `json:"from,omitempty"`
	Roams  bool   `json:"roams,omitempty"`
	Motd   bool   `json:"motd,omitempty"`
}

// An Adopted is a connection that was handed to the server, see server.Adopted.
type Adopted struct {
	FD        int            `json:"fd"`
	Peer      netip.AddrPort `json:"peer,omitzero"`
	Remote    netip.Addr     `json:"remote,omitzero"`
	WebSocket bool           `json:"web_socket,omitempty"`
	Numbered  bool           `json:"numbered,omitempty"`
	Has       Since          `json:"has,omitzero"`
	Screened  bool           `json:"screened,omitempty"`
	Received  []byte         `json:"received,omitempty"`
}

// Counts are what a server has counted, see server.Stats. Ended and Refused are by the names
// of reasons.
type Counts struct {
	Connections uint64              `json:"connections"`
	Accepted    uint64              `json:"accepted"`
	Ended       map[string]uint64   `json:"ended,omitempty"`
	Refused     map[string]uint64   `json:"refused,omitempty"`
	Messages    uint64              `json:"messages"`
	Received    uint64              `json:"received"`
	Sent        uint64              `json:"sent"`
	Delivered   uint64              `json:"delivered"`
	Referred    uint64              `json:"referred"`
	Pressed     time.Duration       `json:"pressed"`
	Held        time.Duration       `json:"held"`
	Latency     histogram.Histogram `json:"latency"`
}

// Descriptors calls f with each descriptor that passes to the next process, and replaces it
// by what f returns.
func (s *State) Descriptors(f func(fd int) int) {
	for i := range s.Listeners {
		s.Listeners[i].FD = f(s.Listeners[i].FD)
	}
	if s.Memory != nil {
		s.Memory.FD = f(s.Memory.FD)
	}
	for i := range s.Members {
		if m := &s.Members[i]; m.Ended == "" {
			m.FD = f(m.FD)
		}
	}
	for i := range s.Pending {
		s.Pending[i].FD = f(s.Pending[i].FD)
	}
	for i := range s.Adopted {
		s.Adopted[i].FD = f(s.Adopted[i].FD)
	}
}

// logs returns all logs, in an order that never changes.
func (s *State) logs() []*broadcast.SavedLog {
	var logs []*broadcast.SavedLog
	if s.Strangers != nil {
		logs = append(logs, s.Strangers)
	}
	for i := range s.Rooms {
		if s.Rooms[i].Log != nil {
			logs = append(logs, s.Rooms[i].Log)
		}
		if s.Rooms[i].Outgoing != nil {
			logs = append(logs, s.Rooms[i].Outgoing)
		}
	}
	return logs
}
