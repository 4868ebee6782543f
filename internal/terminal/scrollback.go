package terminal

import "slices"

// A scrollback holds the latest entries, and below them the unsent ones, and shows
// a part of them. Entries are numbered from the first there ever was, so that a
// position stays the same when older ones are dropped.
//
// It knows its size in rows and columns. It only lays out the entries that are
// shown or scrolled past, however many there are.
type scrollback struct {
	entries []entry
	first   int // the number of entries[0]
	unsent  []entry

	layout layout
	height int

	// While it does not follow, bottom is the last row that is shown.
	scrolled bool
	bottom   position
	seen     int // entries with lower numbers were on the screen or above it
}

// A position is a row of an entry.
type position struct{ entry, row int }

func (s *scrollback) add(e entry) {
	s.entries = append(s.entries, e)
	if len(s.entries) >= maxMessages+maxMessages/4 {
		gone := len(s.entries) - maxMessages
		s.entries = slices.Clone(s.entries[gone:]) // frees the others' texts
		s.first += gone
		if s.bottom.entry < s.first {
			s.bottom = position{s.first, 0}
			s.fill()
			s.scrolled = s.scrolled && s.bottom != s.last()
		}
	}
}

func (s *scrollback) clear() {
	s.first += len(s.entries)
	s.entries = nil
	s.scrolled = false
}

// end returns the number after that of the last entry.
func (s *scrollback) end() int { return s.first + len(s.entries) + len(s.unsent) }

func (s *scrollback) at(number int) *entry {
	i := number - s.first
	if i < len(s.entries) {
		return &s.entries[i]
	}
	return &s.unsent[i-len(s.entries)]
}

func (s *scrollback) rowsOf(number int) []string { return s.at(number).rows(s.layout) }

// resize changes the size. The entry at the bottom stays there.
func (s *scrollback) resize(width, height int) {
	l := s.layout
	l.width = width
	s.layOut(l, height)
}

// setBare changes the layout. The entry at the bottom stays there.
func (s *scrollback) setBare(bare bool) {
	l := s.layout
	l.bare = bare
	s.layOut(l, s.height)
}

func (s *scrollback) layOut(l layout, height int) {
	if s.layout == l && s.height == height {
		return
	}
	s.layout, s.height = l, height
	if s.scrolled {
		s.bottom.row = min(s.bottom.row, len(s.rowsOf(s.bottom.entry))-1)
		s.fill()
		s.scrolled = s.bottom != s.last()
	}
}

// last returns the position of the last row; there must be an entry.
func (s *scrollback) last() position {
	number := s.end() - 1
	return position{number, len(s.rowsOf(number)) - 1}
}

// view returns the rows that are on the screen, height at most.
func (s *scrollback) view() []string {
	if s.first == s.end() || s.height < 1 {
		return nil
	}
	from := s.bottom
	if !s.scrolled {
		from = s.last()
	}
	s.seen = max(s.seen, from.entry+1)
	var rows []string // from the bottom up
	for number, take := from.entry, from.row+1; number >= s.first; number-- {
		all := s.rowsOf(number)
		if number != from.entry {
			take = len(all)
		}
		for i := min(take, len(all)) - 1; i >= 0; i-- {
			if rows = append(rows, all[i]); len(rows) == s.height {
				slices.Reverse(rows)
				return rows
			}
		}
	}
	slices.Reverse(rows)
	return rows
}

// newBelow returns how many messages have come that were not on the screen yet.
func (s *scrollback) newBelow() (n int) {
	if !s.scrolled {
		return 0
	}
	for number := max(s.seen, s.first); number < s.first+len(s.entries); number++ {
		if s.at(number).kind != notice {
			n++
		}
	}
	return n
}

// scroll scrolls by a number of rows; negative is up.
func (s *scrollback) scroll(by int) {
	if s.first == s.end() {
		return
	}
	if !s.scrolled {
		s.bottom = s.last()
		s.seen = s.end()
	}
	s.scrolled = true
	if by < 0 {
		s.up(-by)
		s.fill()
	} else {
		s.down(by)
	}
	s.scrolled = s.bottom != s.last()
}

func (s *scrollback) up(by int) {
	for by > s.bottom.row && s.bottom.entry > s.first {
		by -= s.bottom.row + 1
		s.bottom.entry--
		s.bottom.row = len(s.rowsOf(s.bottom.entry)) - 1
	}
	s.bottom.row = max(0, s.bottom.row-by)
}

func (s *scrollback) down(by int) {
	for {
		below := len(s.rowsOf(s.bottom.entry)) - 1 - s.bottom.row
		if by <= below || s.bottom.entry == s.end()-1 {
			s.bottom.row += min(by, below)
			return
		}
		by -= below + 1
		s.bottom = position{s.bottom.entry + 1, 0}
	}
}

// fill moves the bottom down until the screen is full or there are no more rows.
func (s *scrollback) fill() {
	above := s.bottom.row + 1
	for number := s.bottom.entry - 1; number >= s.first && above < s.height; number-- {
		above += len(s.rowsOf(number))
	}
	if above < s.height {
		s.down(s.height - above)
	}
}

// toTop shows the first entries, toBottom the last ones.
func (s *scrollback) toTop() {
	if s.first == s.end() {
		return
	}
	if !s.scrolled {
		s.seen = s.end()
	}
	s.scrolled = true
	s.bottom = position{s.first, 0}
	s.fill()
	s.scrolled = s.bottom != s.last()
}

func (s *scrollback) toBottom() { s.scrolled = false }
