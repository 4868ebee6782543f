package command

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"sop-chat/internal/config"
	"sop-chat/internal/keys"
	"sop-chat/internal/rooms"
	"sop-chat/internal/tomlfile"
	"sop-chat/internal/wire"
)

// The names of the tables of a configuration file, and of the settings that are arguments
// on the command line.
const (
	roomTable = "room"
	keyTable  = "key"
	portName  = "port"
	keyName   = "key"
)

// A configuration is the file of --config, while the server runs. A nil one has nothing.
type configuration struct {
	layout  config.Layout
	atStart *config.File

	mu     sync.Mutex
	now    *config.File // as it was when it last had no error; guarded by mu
	failed bool         // it has an error; guarded by mu
}

// configurable options can come from a configuration file.
type configurable interface {
	// configure is called when the flags have their values, before readArguments. The
	// configuration is nil if there is none.
	configure(*configuration)
}

func (o *serveOptions) configure(c *configuration) { o.config = c }

// A configError is what is wrong with a configuration file.
type configError struct{ error }

func (e configError) Unwrap() error { return e.error }

// defineConfigFlag defines the flag for the configuration file.
func (o *serveOptions) defineConfigFlag(flags *pflag.FlagSet) {
	define(flags, &o.configFile, "config", "FILE", "", anyText, `Reads settings from a TOML file: each flag by its name, port and key, rooms as tables [[room]], and `+
		`personal keys as tables [[key]]. The command line and variables win. SIGHUP has rooms and keys read again; `+
		`see sop-chat config --help.`)
	flags.SetAnnotation("config", notInFile, nil)
}

// notInFile annotates flags that can't be set in a configuration file.
const notInFile = "not in a configuration file"

// readConfiguration reads the file of --config or its variable, if the command has that
// flag. It is nil if there is none.
func readConfiguration(flags *pflag.FlagSet, p Process) (*configuration, error) {
	flag := flags.Lookup("config")
	if flag == nil {
		return nil, nil
	}
	name := flag.Value.String()
	if !flag.Changed {
		name, _ = p.LookupEnv(variable("config"))
	}
	if name == "" {
		return nil, nil
	}
	c := &configuration{layout: layoutOf(flags)}
	var err error
	if c.atStart, err = config.Read(name, c.layout); err != nil {
		if _, wrong := errors.AsType[config.Errors](err); wrong {
			return nil, configError{err}
		}
		return nil, err
	}
	c.now = c.atStart
	return c, nil
}

// layoutOf returns what a configuration file may have for a command with some flags.
func layoutOf(flags *pflag.FlagSet) config.Layout {
	layout := config.Layout{
		Options: []config.Option{
			{Name: portName, Kind: tomlfile.Number, Check: checkPort},
			{Name: keyName, Kind: tomlfile.Text, Secret: true, Check: wire.CheckKey},
		},
		Tables: []config.Table{
			{Name: roomTable, Settings: rooms.SettingNames(), Secret: "key"},
			{
				Name: keyTable, Settings: keys.SettingNames(), Secret: "hash",
				Instead: `put that into a [[room]] with the name "main", or into a file (key-file)`,
			},
		},
		Check: checkTables,
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if _, without := f.Annotations[notInFile]; without {
			layout.Flags = append(layout.Flags, f.Name)
		} else if hasVariable(f) {
			layout.Options = append(layout.Options, optionOf(f))
		}
	})
	return layout
}

// optionOf returns the setting of a flag. A flag that is no setting[T] is one that may be
// given again; in its variable, each is a line.
func optionOf(f *pflag.Flag) config.Option {
	o := config.Option{Name: f.Name, Kind: tomlfile.List, Separator: "\n", Check: func(string) error { return nil }}
	if s, ok := f.Value.(interface {
		tomlKind() tomlfile.Kind
		check(text string) error
	}); ok {
		o.Kind, o.Separator, o.Check = s.tomlKind(), ",", s.check
	}
	if _, is := f.Value.(*mentionList); is {
		o.Secret = true // an address may have a key
		o.Check = func(text string) error { return new(mentionList).Set(text) }
	}
	if f.Name == "cluster" {
		o.Secret = true // an address may have a password
	}
	return o
}

func (s *setting[T]) check(text string) error {
	_, err := s.parse(text)
	return err
}

// tomlKind returns how the value is written in a configuration file.
func (s *setting[T]) tomlKind() tomlfile.Kind {
	switch any(s.value).(type) {
	case *int:
		return tomlfile.Number
	case *bool:
		return tomlfile.Truth
	case *[]string, *[]netip.Prefix, *addressList:
		return tomlfile.List
	}
	return tomlfile.Text
}

func checkPort(text string) error {
	if _, ok := parsePort(text); !ok {
		return fmt.Errorf("%q is not a number from 1 to 65535", text)
	}
	return nil
}

// checkTables returns what is wrong with tables of rooms and keys, each for itself.
func checkTables(tables []tomlfile.Table) (wrong []error) {
	var ofKeys []tomlfile.Table
	for _, table := range tables {
		if table.Name == keyTable {
			ofKeys = append(ofKeys, table)
			continue
		}
		_, errs := rooms.FromTable(table, roomRules(rooms.Room{}))
		wrong = append(wrong, errs...)
	}
	_, errs := keys.FromTables(ofKeys, nil, nil)
	return append(wrong, errs...)
}

// value returns a setting at the top of the file, as it was when the server started.
func (c *configuration) value(name string) (text string, set bool) {
	if c == nil {
		return "", false
	}
	v, set := c.atStart.Values[name]
	return v.Text, set
}

// begins reports whether the file had tables with a name when the server started.
func (c *configuration) begins(table string) bool {
	return c != nil && len(c.atStart.TablesNamed(table)) > 0
}

// name returns that of the file.
func (c *configuration) name() string {
	if c == nil {
		return ""
	}
	return c.atStart.Name
}

// alsoHas ends a list of places for settings with the file, if there is one.
func (c *configuration) alsoHas(settings string) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf(", or as %s in %s", settings, c.name())
}

var flagInText = regexp.MustCompile(`--([a-z][a-z-]*)`)

// located puts before an error about flags where the first of them is set that is from
// the configuration file.
func located(err error, file string, settings map[string]config.Value) error {
	if _, usage := errors.AsType[usageError](err); !usage || file == "" || strings.HasPrefix(err.Error(), file+":") {
		return err
	}
	for _, flag := range flagInText.FindAllStringSubmatch(err.Error(), -1) {
		if v := settings[flag[1]]; v.Layer == config.InFile {
			return usagef("%s: %v", v.Origin, err)
		}
	}
	return err
}

// optionNamed returns the option of a layout with a name.
func optionNamed(layout config.Layout, name string) config.Option {
	i := slices.IndexFunc(layout.Options, func(o config.Option) bool { return o.Name == name })
	return layout.Options[i]
}
