package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

// Whatever is set in each layer, the highest layer that sets something wins, and the
// origin says which one it was.
func TestMerge(t *testing.T) {
	const n = 6
	rapid.Check(t, func(t *rapid.T) {
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		environment := make(map[string]string)
		s := Sources{
			File:      &File{Values: make(map[string]Value)},
			Variables: make(map[string]string),
			Lookup:    func(name string) (string, bool) { text, set := environment[name]; return text, set },
			Flags:     flags,
			Arguments: make(map[string]string),
		}
		text := rapid.StringMatching(`[a-z=. ]{0,4}`)
		want := make(map[string]Value)
		for i := range n {
			name, variable := fmt.Sprintf("the-%d", i), fmt.Sprintf("THE_%d", i)
			s.Variables[name] = variable
			if isFlag := i > 0; isFlag {
				flags.String(name, text.Draw(t, "default"), "")
				want[name] = Value{flags.Lookup(name).DefValue, Default, "default"}
			}
			if rapid.Bool().Draw(t, "in the file") {
				want[name] = Value{text.Draw(t, "of the file"), InFile, fmt.Sprintf("f:%d", i)}
				s.File.Values[name] = want[name]
			}
			if rapid.Bool().Draw(t, "in the environment") {
				environment[variable] = text.Draw(t, "of the variable")
				if environment[variable] != "" {
					want[name] = Value{environment[variable], Variable, variable}
				}
			}
			if !rapid.Bool().Draw(t, "on the command line") {
				continue
			}
			given := text.Draw(t, "of the command line")
			if i == 0 {
				s.Arguments[name] = given
				want[name] = Value{given, Argument, strings.ToUpper(name)}
				continue
			}
			if err := flags.Set(name, given); err != nil {
				t.Fatal(err)
			}
			want[name] = Value{given, Argument, "--" + name}
		}
		got, err := Merge(s)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}
