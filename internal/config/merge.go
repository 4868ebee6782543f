package config

import (
	"errors"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Sources are what a program's settings are merged from.
type Sources struct {
	File *File // nil is none
	// Variables are the environment variables of the settings, by their names, and Lookup
	// looks one up. An empty one counts as not set.
	Variables map[string]string
	Lookup    func(variable string) (text string, set bool)
	Flags     *pflag.FlagSet
	// Arguments are settings that are given without a flag. Their names are shown as the
	// origin in capital letters.
	Arguments map[string]string
}

// separator is in no name of a setting.
const separator = "."

// Merge returns the values in force: arguments and flags win over variables, those over
// the file, and that over the defaults of the flags.
func Merge(s Sources) (map[string]Value, error) {
	k := koanf.New(separator)
	flags := posflag.ProviderWithFlag(s.Flags, separator, k, func(f *pflag.Flag) (string, any) {
		if f.Changed {
			return f.Name, Value{f.Value.String(), Argument, "--" + f.Name}
		}
		return f.Name, Value{f.DefValue, Default, "default"}
	})
	arguments := make(map[string]any)
	for name, text := range s.Arguments {
		arguments[name] = Value{text, Argument, strings.ToUpper(name)}
	}
	err := errors.Join(
		k.Load(confmap.Provider(s.fromFile(), ""), nil),
		k.Load(s.environment(), nil),
		k.Load(flags, nil),
		k.Load(confmap.Provider(arguments, ""), nil),
	)
	merged := make(map[string]Value)
	for _, name := range k.Keys() {
		merged[name] = k.Get(name).(Value)
	}
	return merged, err
}

func (s *Sources) fromFile() map[string]any {
	values := make(map[string]any)
	if s.File != nil {
		for name, value := range s.File.Values {
			values[name] = value
		}
	}
	return values
}

// environment provides the variables that are set.
func (s *Sources) environment() koanf.Provider {
	names := make(map[string]string)
	var set []string
	for name, variable := range s.Variables {
		if text, _ := s.Lookup(variable); text != "" {
			names[variable] = name
			set = append(set, variable+"="+text)
		}
	}
	return env.Provider(separator, env.Opt{
		EnvironFunc: func() []string { return set },
		TransformFunc: func(variable, text string) (string, any) {
			return names[variable], Value{text, Variable, variable}
		},
	})
}
