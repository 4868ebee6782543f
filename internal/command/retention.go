package command

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"

	"sop-chat/internal/rooms"
)

// leastRetained is the smallest bound on a history's size: an empty file takes a tenth of it.
const leastRetained = 1_000_000

// retention parses for how long messages are kept, and how much of them: an age, a size, or
// both; or an empty text.
func retention(text string) (r rooms.Retention, err error) {
	for _, word := range separated(text) {
		if d, err := age(word); err == nil && r.Age == 0 {
			r.Age = d
		} else if n, err := humanize.ParseBytes(word); err == nil && n >= leastRetained && n <= math.MaxInt64/2 && r.Bytes == 0 {
			r.Bytes = int64(n)
		} else {
			return rooms.Retention{}, fmt.Errorf("%q is neither an age, such as 90d, nor a size from 1MB on, such as 10GB, nor both, such as 90d,10GB", text)
		}
	}
	return r, nil
}

// sizeOrNone parses a size of a history, or an empty text.
func sizeOrNone(text string) (int64, error) {
	r, err := retention(text)
	if err != nil || r.Age != 0 || r.Bytes == 0 && text != "" {
		return 0, fmt.Errorf("%q is not a size from 1MB on, such as 10GB", text)
	}
	return r.Bytes, nil
}
