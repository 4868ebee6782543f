package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"sop-chat/internal/wire"
)

// A message is what one message says of itself.
type message struct {
	from   uint32 // the sender, from 0
	number uint32 // which of the sender's messages it is, from 0
	at     time.Duration
}

func (m message) String() string { return fmt.Sprintf("message %d of sender %d", m.number, m.from) }

func messageOf(identity, at uint64) message {
	return message{from: uint32(identity >> 32), number: uint32(identity), at: time.Duration(at)}
}

func (m message) identity() uint64 { return uint64(m.from)<<32 | uint64(m.number) }

// What a sender writes. Every byte follows from the sender, from the message's
// number and time, and from the run's seed, so that a receiver can check every
// byte, and can tell a message of another run:
//
//	0        64           80     96                    496        512
//	┌────────┬────────────┬──────┬─────────────────────┬──────────┐
//	│ name   │ from+number│ time │ a stretch of filler │ checksum │
//	└────────┴────────────┴──────┴─────────────────────┴──────────┘
//
// The checksum is of the two fields before the filler, and says which stretch
// of the filler it is. So a message that was put together from two has no
// chance. All of it is printable, for servers that treat it as text.
const (
	identityAt = wire.NameSize
	timeAt     = identityAt + numeral
	fillerAt   = timeAt + numeral
	checksumAt = wire.Size - numeral

	fillerSize     = checksumAt - fillerAt
	fillerVariants = 4096 // how many stretches there are; they stay in the first cache
)

// A codec writes and reads the messages of one run.
type codec struct {
	seed   uint64
	names  [][wire.NameSize]byte // of the senders
	filler [fillerVariants + fillerSize]byte
}

func newCodec(seed uint64, senders int) *codec {
	c := &codec{seed: seed, names: make([][wire.NameSize]byte, senders)}
	for i := range c.names {
		copy(c.names[i][:], clientName(i))
	}
	letters := rand.New(rand.NewPCG(seed, 0))
	for i := range c.filler {
		c.filler[i] = ' ' + byte(letters.IntN('~'-' '+1))
	}
	return c
}

// clientName is what a client calls itself.
func clientName(client int) string { return fmt.Sprintf("bench-%d", client) }

// write fills b, which is one message long.
func (c *codec) write(b []byte, m message) {
	sum := c.checksum(m)
	copy(b, c.names[m.from][:])
	putNumeral(b[identityAt:], m.identity())
	putNumeral(b[timeAt:], uint64(m.at))
	copy(b[fillerAt:checksumAt], c.stretch(sum))
	putNumeral(b[checksumAt:], sum)
}

// read checks every byte of b, which is one message long. ok is false if b is
// not what write makes of any message.
func (c *codec) read(b []byte) (m message, ok bool) {
	b = b[:wire.Size]
	identity, ok1 := getNumeral(b[identityAt:])
	at, ok2 := getNumeral(b[timeAt:])
	sum, ok3 := getNumeral(b[checksumAt:])
	m = messageOf(identity, at)
	ok = ok1 && ok2 && ok3 && sum == c.checksum(m) && int(m.from) < len(c.names) && c.filled(b, m.from, sum)
	return m, ok
}

// filled checks what does not tell messages apart: the name and the filler.
func (c *codec) filled(b []byte, from uint32, sum uint64) bool {
	return bytes.Equal(b[:identityAt], c.names[from][:]) &&
		bytes.Equal(b[fillerAt:checksumAt], c.stretch(sum))
}

// checksum mixes what identifies a message with the seed, so that each bit of
// either changes half of the sum.
func (c *codec) checksum(m message) uint64 {
	return mix(mix(c.seed^m.identity()) ^ uint64(m.at))
}

// mix is the finalizer of the generator splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *codec) stretch(sum uint64) []byte {
	start := int(sum % fillerVariants)
	return c.filler[start : start+fillerSize]
}

// A fingerprint is all that tells a message from others, as it was received: its
// three numerals. To compare it takes a tenth of the time of reading it.
type fingerprint [6]uint64

func fingerprintOf(b []byte) fingerprint {
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
	return fingerprint{
		word(identityAt), word(identityAt + 8), word(timeAt), word(timeAt + 8),
		word(checksumAt), word(checksumAt + 8),
	}
}

// matches reports whether b, which is one message long, has the fingerprint.
func (s *fingerprint) matches(b []byte) bool {
	b = b[:wire.Size]
	return binary.NativeEndian.Uint64(b[identityAt:]) == s[0] &&
		binary.NativeEndian.Uint64(b[identityAt+8:]) == s[1] &&
		binary.NativeEndian.Uint64(b[timeAt:]) == s[2] &&
		binary.NativeEndian.Uint64(b[timeAt+8:]) == s[3] &&
		binary.NativeEndian.Uint64(b[checksumAt:]) == s[4] &&
		binary.NativeEndian.Uint64(b[checksumAt+8:]) == s[5]
}
