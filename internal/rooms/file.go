package rooms

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Rules say how the settings of a file are read.
type Rules struct {
	// Default has the settings that a room does not set.
	Default Room
	// These parse the settings that are named like them, as they do for the flags of
	// the same name.
	MaxClients func(string) (int, error)
	Replay     func(string) (int, error)
	Retain     func(string) (time.Duration, error)
	Rate       func(string) (Rate, error)
	RateBurst  func(string) (int, error)
}

// maxFile is far more than 10,000 rooms need. A device may have no end.
const maxFile = 64 << 20

// Read returns the rooms of a file, in its order. It does not check them together, as
// Check does.
func Read(name string, rules Rules) ([]Room, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the file of rooms can't be read: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the file of rooms can't be read: %w", err)
	}
	if len(content) > maxFile {
		return nil, errors.New(name + ": the file of rooms has more than 64 MiB")
	}
	return Parse(name, content, rules)
}
