package console

import "time"

// A clock puts times into words. It remembers the last, because what happens
// together is printed together.
type clock struct {
	layout string
	zone   *time.Location
	unit   time.Duration // the smallest that the layout shows

	last  int64
	words []byte
}

func (c *clock) append(dst []byte, t time.Time) []byte {
	if now := t.UnixNano() / int64(c.unit); now != c.last || c.words == nil {
		c.last = now
		c.words = t.In(c.zone).AppendFormat(c.words[:0], c.layout)
	}
	return append(dst, c.words...)
}
