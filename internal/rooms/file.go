package rooms

import (
	"fmt"

	"sop-chat/internal/tomlfile"
)

// Rules say how the settings of a file are read.
type Rules struct {
	// Default has the settings that a room does not set.
	Default Room
	// These parse the settings that are named like them, as they do for the flags of
	// the same name.
	MaxClients func(string) (int, error)
	Replay     func(string) (int, error)
	Retain     func(string) (Retention, error)
	Rate       func(string) (Rate, error)
	RateBurst  func(string) (int, error)
}

// Read returns the rooms of a file, in its order. It does not check them together, as
// Check does.
func Read(name string, rules Rules) ([]Room, error) {
	content, _, err := tomlfile.Read(name)
	if err != nil {
		return nil, fmt.Errorf("the file of rooms can't be read: %w", err)
	}
	return Parse(name, content, rules)
}
