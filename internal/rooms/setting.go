package rooms

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"sop-chat/internal/wire"
)

// settings are which settings of a room are there.
type settings uint8

const (
	setName settings = 1 << iota
	setKey
)

// settingNames are all settings of a room.
var settingNames = []string{"name", "key", "max-clients", "replay", "retain", "rate", "rate-burst", "verify-names", "unique-names", "disconnect-on-key-change"}

// setting sets one setting of a room.
func (p *parser) setting(room *Room, at Place, name string, value *unstable.Node) error {
	var err error
	switch name {
	case "name":
		p.set |= setName
		if room.Name, err = text(value); err == nil {
			err = wire.CheckRoomName(room.Name)
		}
	case "key":
		p.set |= setKey
		if room.Key, err = text(value); err == nil {
			err = wire.CheckKey(room.Key)
		}
	case "max-clients":
		room.MaxClients, err = whole(value, p.rules.MaxClients)
	case "replay":
		room.Replay, err = whole(value, p.rules.Replay)
	case "retain":
		var age string
		if age, err = text(value); err == nil {
			room.Retain, err = p.rules.Retain(age)
		}
	case "rate":
		var rate string
		if rate, err = text(value); err == nil {
			room.Rate, err = p.rules.Rate(rate)
		}
	case "rate-burst":
		room.RateBurst, err = whole(value, p.rules.RateBurst)
	case "verify-names":
		room.VerifyNames, err = truth(value)
	case "unique-names":
		room.UniqueNames, err = truth(value)
	case "disconnect-on-key-change":
		room.DisconnectOnKeyChange, err = truth(value)
	default:
		return at.errorf("%w", unknownSetting(name))
	}
	if err != nil {
		return at.errorf("%s: %w", name, err)
	}
	return nil
}

// text returns the value of a string.
func text(value *unstable.Node) (string, error) {
	if value.Kind != unstable.String {
		return "", errors.New("the value must be a text in quotes")
	}
	return string(value.Data), nil
}

// truth returns the value of a boolean.
func truth(value *unstable.Node) (bool, error) {
	if value.Kind != unstable.Bool {
		return false, errors.New("the value must be true or false, without quotes")
	}
	return string(value.Data) == "true", nil
}

// whole returns the value of a whole number.
func whole(value *unstable.Node, parse func(string) (int, error)) (int, error) {
	digits, ok := number(value)
	if !ok {
		return 0, errors.New("the value must be a whole number, without quotes")
	}
	return parse(digits)
}

// unknownSetting says that there is no such setting, and what may be meant.
func unknownSetting(name string) error {
	if similar := mostSimilar(name, settingNames); similar != "" {
		return fmt.Errorf("there is no setting %q; is %q meant?", name, similar)
	}
	last := len(settingNames) - 1
	return fmt.Errorf("there is no setting %q; a room has %s and %s", name, strings.Join(settingNames[:last], ", "), settingNames[last])
}
