package command

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"sop-chat/internal/rooms"
	"sop-chat/internal/wire"
)

// keyVariable holds the key itself. The argument KEY takes the place of a flag for
// it.
const keyVariable = "SOP_CHAT_KEY"

// A keySource says where the key may come from. The command line wins over the
// environment, and that over the configuration file; two sources of the same rank are an
// error.
type keySource struct {
	arguments  []string // KEY, or none
	file       string   // --key-file, its variable, or key-file in the configuration file
	fileByFlag bool

	config *configuration // may have both
}

func (s keySource) read(p Process) (string, error) {
	inVariable, _ := p.LookupEnv(keyVariable)
	fileInVariable, _ := p.LookupEnv(variable("key-file"))
	inConfig, hasInConfig := s.config.value(keyName)
	switch {
	case len(s.arguments) > 0 && s.fileByFlag:
		return "", usagef("both KEY and --key-file are given; leave one of them out")
	case len(s.arguments) > 0:
		return s.arguments[0], nil
	case s.fileByFlag:
		return readKeyFile(s.file, p.Stdin)
	case fileInVariable != "" && inVariable != "":
		return "", usagef("both %s and %s are set; unset one of them", keyVariable, variable("key-file"))
	case fileInVariable != "":
		return readKeyFile(s.file, p.Stdin)
	case inVariable != "":
		return inVariable, nil
	case s.file != "" && hasInConfig:
		return "", usagef("both key and key-file are in %s; leave one of them out", s.config.name())
	case s.file != "":
		return readKeyFile(s.file, p.Stdin)
	case hasInConfig:
		return inConfig, nil
	}
	return "", usagef("KEY is missing: give it after PORT, in a file with --key-file, or in %s%s", keyVariable, s.config.alsoHas("key"))
}

// isGiven reports whether there is a source.
func (s keySource) isGiven(p Process) bool {
	inVariable, _ := p.LookupEnv(keyVariable)
	_, inConfig := s.config.value(keyName)
	return inConfig || len(s.arguments) > 0 || s.file != "" || s.fileByFlag || inVariable != ""
}

// readKeyFile returns the content of a file, without one line break at its end.
func readKeyFile(name string, stdin io.Reader) (string, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("the key file can't be read: %w", err)
		}
		defer file.Close()
		in = file
	}
	const most = 64 << 10 // far more than a key; a device may have no end
	content, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("the key file can't be read: %w", err)
	}
	key := string(content)
	if line, cut := strings.CutSuffix(key, "\n"); cut {
		key = strings.TrimSuffix(line, "\r")
	}
	return key, nil
}

// checkKey returns an error if a key can't be used. The error does not repeat the
// key.
func checkKey(key string, allowEmpty bool) error {
	if err := wire.CheckKey(key); err != nil {
		return usageError(err.Error())
	}
	if key == "" && !allowEmpty {
		return usagef(`the key is empty (""), so everyone could join; --allow-empty-key permits that`)
	}
	return nil
}

// warnOfKeys warns of keys of rooms that are weak, if others can reach the server, and of
// those that the GUI client can't send.
func warnOfKeys(out io.Writer, all []rooms.Room, reachable bool, logger *slog.Logger) {
	if others := havingKey(all, func(key string) bool { return !isASCII(key) }); len(others) > 0 {
		var which []any
		if name := others[0].Name; name != "" {
			which = []any{"room", name, "others", len(others) - 1}
		}
		logger.Warn("the key is not ASCII, so the GUI client can't send it", which...)
	}
	warnOfWeakKeys(out, all, reachable)
}

// havingKey returns the rooms whose key is such.
func havingKey(all []rooms.Room, such func(key string) bool) []rooms.Room {
	return slices.DeleteFunc(slices.Clone(all), func(room rooms.Room) bool { return !such(room.Key) })
}

// isASCII reports whether the GUI client can send a key: it turns every other
// character into a question mark.
func isASCII(key string) bool {
	return strings.IndexFunc(key, func(r rune) bool { return r > 127 }) < 0
}
