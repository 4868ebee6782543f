package command

import (
	"strings"
	"testing"
	"time"

	"sop-chat/internal/rooms"
)

// What is kept is said by an age, by a size, or by both.
func TestRetention(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]rooms.Retention{
		"":              {},
		"90d":           {Age: 90 * day},
		"1w2d12h":       {Age: 9*day + 12*time.Hour},
		"10GB":          {Bytes: 10_000_000_000},
		"1.5GiB":        {Bytes: 3 << 29},
		"1MB":           {Bytes: 1_000_000},
		"90d,10GB":      {Age: 90 * day, Bytes: 10_000_000_000},
		" 500MB , 12h ": {Age: 12 * time.Hour, Bytes: 500_000_000},
	} {
		if got, err := retention(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"90", "soon", "90d,30d", "10GB,1GB", "999kB", "-1GB", "90d,soon", "1e30B"} {
		if _, err := retention(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: the error is %v, want one that repeats it", text, err)
		}
	}
}

// A size alone is one.
func TestSizeOrNone(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "10GB": 10_000_000_000} {
		if got, err := sizeOrNone(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"90d", "90d,10GB", "10", ","} {
		if _, err := sizeOrNone(text); err == nil {
			t.Errorf("%q is a size", text)
		}
	}
}
