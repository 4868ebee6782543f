package broadcast

import (
	"slices"
	"strings"
	"testing"

	"sop-chat/internal/wire"
)

// A reader gets every message but its own, in as few stretches as the log's
// memory allows, and no more than it has space for. However many of the bytes it
// takes, Advance returns the position from which it goes on.
func TestGather(t *testing.T) {
	const (
		m = wire.Size
		s = SegmentSize
	)
	segment := strings.Repeat("b", segmentMessages)
	for _, test := range []struct {
		what   string
		log    string // the senders of its messages
		from   Position
		except *Sender
		space  int // for stretches
		want   [][2]Position
		end    Position
	}{
		{"empty", "", 0, nil, 4, nil, 0},
		{"one message", "b", 0, alice, 4, [][2]Position{{0, m}}, m},
		{"all, without exception", "abc", 0, nil, 4, [][2]Position{{0, 3 * m}}, 3 * m},
		{"nothing new", "abc", 3 * m, alice, 4, nil, 3 * m},
		{"only own", "aaa", 0, alice, 4, nil, 3 * m},
		{"own first", "aabb", 0, alice, 4, [][2]Position{{2 * m, 4 * m}}, 4 * m},
		{"own last", "bbaa", 0, alice, 4, [][2]Position{{0, 2 * m}}, 4 * m},
		{"own between", "bab", 0, alice, 4, [][2]Position{{0, m}, {2 * m, 3 * m}}, 3 * m},
		{"own around", "aba", 0, alice, 4, [][2]Position{{m, 2 * m}}, 3 * m},
		{"two others", "bca", 0, alice, 4, [][2]Position{{0, 2 * m}}, 3 * m},

		{"inside a message", "bb", 100, alice, 4, [][2]Position{{100, 2 * m}}, 2 * m},
		{"inside a message, without exception", "ab", 100, nil, 4, [][2]Position{{100, 2 * m}}, 2 * m},
		{"inside a message, own next", "bab", 511, alice, 4, [][2]Position{{511, m}, {2 * m, 3 * m}}, 3 * m},
		{"inside the last message", "bb", 2*m - 1, alice, 4, [][2]Position{{2*m - 1, 2 * m}}, 2 * m},

		{"no space", "b", 0, alice, 0, nil, 0},
		{"no space, nothing to give", "aa", 0, alice, 0, nil, 2 * m},
		{"no space after own", "ab", 0, alice, 0, nil, m},
		{"space for one of two", "babab", 0, alice, 1, [][2]Position{{0, m}}, 2 * m},
		{"space for just all", "baba", 0, alice, 2, [][2]Position{{0, m}, {2 * m, 3 * m}}, 4 * m},

		{"a whole segment", segment, 0, alice, 4, [][2]Position{{0, s}}, s},
		{"across a border", segment + "b", 0, alice, 4, [][2]Position{{0, s}, {s, s + m}}, s + m},
		{"across a border, without exception", segment + "ab", s - m, nil, 4, [][2]Position{{s - m, s}, {s, s + 2*m}}, s + 2*m},
		{"inside the last message before a border", segment + "b", s - 1, alice, 4, [][2]Position{{s - 1, s}, {s, s + m}}, s + m},
		{"own before a border", segment[1:] + "ab", 0, alice, 4, [][2]Position{{0, s - m}, {s, s + m}}, s + m},
		{"own after a border", segment + "ab", 0, alice, 4, [][2]Position{{0, s}, {s + m, s + 2*m}}, s + 2*m},
		{"own around a border", segment[1:] + "aab", 0, alice, 4, [][2]Position{{0, s - m}, {s + m, s + 2*m}}, s + 2*m},
		{"own for a whole segment", "b" + strings.Repeat("a", segmentMessages) + "b", 0, alice, 4, [][2]Position{{0, m}, {s + m, s + 2*m}}, s + 2*m},
		{"space for one segment", segment + segment, 0, nil, 1, [][2]Position{{0, s}}, s},
	} {
		t.Run(test.what, func(t *testing.T) {
			l, h := New(4*SegmentSize, 4*SegmentSize), new(history)
			l.Join(func() {})
			h.write(l, test.log)
			borders, end := h.stretches(test.from, l.Head(), test.except, test.space)
			if !slices.Equal(borders, test.want) || end != test.end {
				t.Fatalf("the model gives %v to %d, want %v to %d", borders, end, test.want, test.end)
			}
			for _, n := range cuts(borders) {
				c := client{self: test.except, at: test.from, next: int(test.from / m), offset: int(test.from % m)}
				c.read(t, l, h, l.Head(), test.space, func(total int) int { return min(n, total) })
				c.read(t, l, h, l.Head(), len(test.log)+1, func(total int) int { return total })
				if c.at != l.Head() {
					t.Fatalf("after %d bytes and the rest the reader is at %d, want %d", n, c.at, l.Head())
				}
			}
		})
	}
}

// cuts returns how many bytes of some stretches a reader takes to end near a
// boundary of a message or a stretch, or to take all.
func cuts(stretches [][2]Position) []int {
	all := []int{0, 1, wire.Size - 1, wire.Size, wire.Size + 1}
	end := 0
	for _, s := range stretches {
		end += int(s[1] - s[0])
		all = append(all, end-wire.Size, end-1, end, end+1)
	}
	return slices.DeleteFunc(all, func(n int) bool { return n < 0 })
}

// Gather appends to what is in dst, which uses up a part of its capacity.
func TestGatherAppends(t *testing.T) {
	l, h := New(4*SegmentSize, 0), new(history)
	l.Join(func() {})
	h.write(l, "bab")
	before := append(make([][]byte, 0, 2), []byte("before"))
	got, end := l.Gather(before, 0, l.Head(), alice)
	if len(got) != 2 || string(got[0]) != "before" || len(got[1]) != wire.Size || end != 2*wire.Size {
		t.Fatalf("%d stretches to %d, want the one of before and one to %d", len(got), end, 2*wire.Size)
	}
}
