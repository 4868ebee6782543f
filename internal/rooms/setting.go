package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sop-chat/internal/tomlfile"
	"sop-chat/internal/wire"
)

// settingNames are all settings of a room.
var settingNames = []string{"name", "key", "max-clients", "replay", "retain", "rate", "rate-burst", "verify-names", "unique-names", "announce", "disconnect-on-key-change"}

// SettingNames returns the names of all settings of a room.
func SettingNames() []string { return slices.Clone(settingNames) }

// set sets one setting of a room.
func (r *Room) set(name string, value tomlfile.Value, rules Rules) error {
	var err error
	switch name {
	case "name":
		if r.Name, err = text(value); err == nil {
			err = wire.CheckRoomName(r.Name)
		}
	case "key":
		if r.Key, err = text(value); err == nil {
			err = wire.CheckKey(r.Key)
		}
	case "max-clients":
		r.MaxClients, err = whole(value, rules.MaxClients)
	case "replay":
		r.Replay, err = whole(value, rules.Replay)
	case "retain":
		var retain string
		if retain, err = text(value); err == nil {
			r.Retain, err = rules.Retain(retain)
		}
	case "rate":
		var rate string
		if rate, err = text(value); err == nil {
			r.Rate, err = rules.Rate(rate)
		}
	case "rate-burst":
		r.RateBurst, err = whole(value, rules.RateBurst)
	case "verify-names":
		r.VerifyNames, err = truth(value)
	case "unique-names":
		r.UniqueNames, err = truth(value)
	case "announce":
		r.Announce, err = truth(value)
	case "disconnect-on-key-change":
		r.DisconnectOnKeyChange, err = truth(value)
	default:
		return unknownSetting(name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// text returns the value of a string.
func text(value tomlfile.Value) (string, error) {
	if value.Kind != tomlfile.Text {
		return "", errors.New("the value must be a text in quotes")
	}
	return value.Text, nil
}

// truth returns the value of a boolean.
func truth(value tomlfile.Value) (bool, error) {
	if value.Kind != tomlfile.Truth {
		return false, errors.New("the value must be true or false, without quotes")
	}
	return value.Text == "true", nil
}

// whole returns the value of a whole number.
func whole(value tomlfile.Value, parse func(string) (int, error)) (int, error) {
	if value.Kind != tomlfile.Number {
		return 0, errors.New("the value must be a whole number, without quotes")
	}
	return parse(value.Text)
}

// unknownSetting says that there is no such setting, and what may be meant.
func unknownSetting(name string) error {
	if similar := tomlfile.Similar(name, settingNames); similar != "" {
		return fmt.Errorf("there is no setting %q; is %q meant?", name, similar)
	}
	last := len(settingNames) - 1
	return fmt.Errorf("there is no setting %q; a room has %s and %s", name, strings.Join(settingNames[:last], ", "), settingNames[last])
}
