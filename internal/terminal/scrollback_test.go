package terminal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sgr matches the sequences that change colour or weight, or begin or end a link.
var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m|\x1b\]8;[ -:<-~]*;[!-~]*\x07`)

// allRows returns all rows of a scrollback, and for each the number of its entry.
// They are what the scrollback is compared with.
func allRows(s *scrollback) (rows []string, below []int) {
	for number := s.first; number < s.end(); number++ {
		for range s.rowsOf(number) {
			below = append(below, number)
		}
		rows = append(rows, s.rowsOf(number)...)
	}
	return rows, below
}

// However the scrollback is scrolled, resized and added to, it shows the right
// part of its rows, as high as the screen if there are enough.
func TestScrollback(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s scrollback
		s.resize(40, 5)
		n := 0
		bottom := -1 // the row that should be the last shown; -1 follows
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n++
				text := strings.Repeat("word ", rapid.IntRange(0, 30).Draw(t, "words"))
				s.add(newMessage(others, noon, fmt.Sprint(n), text))
			},
			"scroll": func(t *rapid.T) {
				by := rapid.IntRange(-20, 20).Draw(t, "by")
				rows, _ := allRows(&s)
				if bottom < 0 {
					bottom = len(rows) - 1
				}
				bottom = max(bottom+by, min(s.height, len(rows))-1)
				if bottom >= len(rows)-1 {
					bottom = -1
				}
				s.scroll(by)
			},
			"top": func(*rapid.T) {
				s.toTop()
				rows, _ := allRows(&s)
				if bottom = min(s.height, len(rows)) - 1; bottom >= len(rows)-1 {
					bottom = -1
				}
			},
			"bottom": func(*rapid.T) {
				s.toBottom()
				bottom = -1
			},
			"": func(t *rapid.T) {
				rows, below := allRows(&s)
				end := bottom + 1
				if bottom < 0 {
					end = len(rows)
				}
				want := rows[max(0, end-s.height):end]
				if got := s.view(); !slices.Equal(got, want) {
					t.Fatalf("shown:\n%q\nwant:\n%q", got, want)
				}
				if end == len(rows) && s.newBelow() != 0 || end < len(rows) && s.newBelow() > n-below[end-1]-1 {
					t.Fatalf("%d new below", s.newBelow())
				}
			},
		})
	})
}

// Messages that came since the user scrolled back count as new until they are
// shown.
func TestNewBelow(t *testing.T) {
	var s scrollback
	s.resize(40, 3)
	add := func() { s.add(newMessage(others, noon, "bob", "hi")) }
	for range 10 {
		add()
	}
	s.view()
	s.scroll(-5)
	s.view()
	if n := s.newBelow(); n != 0 {
		t.Errorf("%d are new, but were seen", n)
	}
	add()
	add()
	s.add(newNotice(noon, "not counted"))
	if n := s.newBelow(); n != 2 {
		t.Errorf("%d are new, want 2", n)
	}
	s.scroll(6)
	s.view()
	if n := s.newBelow(); n != 1 {
		t.Errorf("%d are new, want 1", n)
	}
	s.toBottom()
	s.view()
	s.scroll(-1)
	if n := s.newBelow(); n != 0 {
		t.Errorf("%d are new, but were seen", n)
	}
}

// Old entries are dropped. If they were shown, the view moves to the oldest that is
// left.
func TestScrollbackIsBounded(t *testing.T) {
	var s scrollback
	s.resize(40, 3)
	for i := range 3 * maxMessages {
		s.add(newMessage(others, noon, "bob", fmt.Sprint(i)))
		if i == 100 {
			s.toTop()
		}
	}
	if n := len(s.entries); n < maxMessages || n >= maxMessages+maxMessages/4 {
		t.Errorf("there are %d entries", n)
	}
	rows := s.view()
	if want := fmt.Sprintf("bob: %d", s.first); len(rows) != 3 || !strings.HasSuffix(sgr.ReplaceAllString(rows[0], ""), want) {
		t.Errorf("shown: %q, want %s first", rows, want)
	}
}

// Resizing keeps the entry at the bottom.
func TestScrollbackResize(t *testing.T) {
	var s scrollback
	s.resize(80, 5)
	for i := range 50 {
		s.add(newMessage(others, noon, fmt.Sprint("n", i), strings.Repeat("word ", 20)))
	}
	s.scroll(-40)
	s.view()
	at := s.bottom.entry
	for _, size := range [][2]int{{40, 5}, {10, 3}, {200, 30}, {80, 5}} {
		s.resize(size[0], size[1])
		rows := s.view()
		if len(rows) != size[1] {
			t.Errorf("%v: %d rows", size, len(rows))
		}
		if s.bottom.entry != at {
			t.Errorf("%v: entry %d is at the bottom, was %d", size, s.bottom.entry, at)
		}
	}
}
