package websocket

import (
	"errors"
	"fmt"
)

// A SavedDecoder is a Decoder as a value, from which another process can go on.
type SavedDecoder struct {
	Key        uint32 `json:"key,omitempty"`
	Left       uint16 `json:"left,omitempty"`
	Before     uint16 `json:"before,omitempty"`
	Header     []byte `json:"header,omitempty"` // what has come of the current frame's
	Fragmented bool   `json:"fragmented,omitempty"`
	PongDue    bool   `json:"pong_due,omitempty"`
	Ended      bool   `json:"ended,omitempty"`

	HasControl bool   `json:"has_control,omitempty"` // there is a control frame with a payload
	Control    []byte `json:"control,omitempty"`     // what has come of that
}

// Save returns the decoder as a value.
func (d *Decoder) Save() SavedDecoder {
	s := SavedDecoder{
		Key: d.key, Left: d.left, Before: d.before, Header: append([]byte(nil), d.header[:d.have]...),
		Fragmented: d.fragmented, PongDue: d.pongDue, Ended: d.ended,
	}
	if d.control != nil {
		s.HasControl, s.Control = true, append([]byte(nil), d.payload()...)
	}
	return s
}

// Restore returns the decoder that was saved. It returns an error if there can't be such a
// decoder.
func (s *SavedDecoder) Restore(spares *Spares) (Decoder, error) {
	if err := s.check(); err != nil {
		return Decoder{}, fmt.Errorf("the saved state of a WebSocket is invalid: %w", err)
	}
	d := Decoder{
		key: s.Key, left: s.Left, before: s.Before, fragmented: s.Fragmented, pongDue: s.PongDue, ended: s.Ended,
		have: uint8(len(s.Header)),
	}
	copy(d.header[:], s.Header)
	if s.HasControl {
		d.control = spares.get()
		d.control.have = copy(d.control.payload[:], s.Control)
	}
	return d, nil
}

func (s *SavedDecoder) check() error {
	d := Decoder{have: uint8(min(len(s.Header), 255)), left: s.Left}
	if len(s.Header) > len(d.header) {
		return fmt.Errorf("a header has size %d", len(s.Header))
	}
	copy(d.header[:], s.Header)
	isControl := d.opcode() == OpPing || d.opcode() == OpClose
	switch {
	case s.Before > MaxMessage:
		return fmt.Errorf("a WebSocket message has size %d", s.Before)
	case len(s.Control) > MaxControl || len(s.Control) > 0 && !s.HasControl:
		return fmt.Errorf("a control frame has size %d", len(s.Control))
	case d.have > d.headerSize() || (s.Left > 0) != (d.have == d.headerSize()):
		return fmt.Errorf("the payload to come has size %d, after byte %d of a header", s.Left, d.have)
	case s.Left > 0 && isControl && (!s.HasControl || len(s.Control)+int(s.Left) > MaxControl):
		return fmt.Errorf("the payload to come of a control frame has size %d, after byte %d", s.Left, len(s.Control))
	case s.Ended && (s.Left > 0 || d.have > 0):
		return errors.New("it has ended within a frame")
	}
	return nil
}
