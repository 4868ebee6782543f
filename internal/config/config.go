// Package config reads a configuration file, and merges what it sets with the environment
// and the command line. Each value keeps where it comes from.
//
// It is told which settings there are, and knows none of them itself.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"sop-chat/internal/tomlfile"
)

// A Layer is where a value comes from. A higher one wins.
type Layer int

// The layers.
const (
	Default Layer = iota
	InFile
	Variable
	Argument
)

// A Value is the value of a setting, as text, and its origin.
type Value struct {
	Text  string
	Layer Layer
	// Origin is the file with the line, the variable or the flag.
	Origin string
}

// A File is the content of a configuration file.
type File struct {
	Name string
	// Values are the settings at its top.
	Values map[string]Value
	// Tables are all others, in their order.
	Tables []tomlfile.Table
	// OthersRead says that every user of the machine may read the file.
	OthersRead bool
}

// Read returns the content of a file. What is wrong with it is an Errors.
func Read(name string, layout Layout) (*File, error) {
	content, info, err := tomlfile.Read(name)
	if err != nil {
		return nil, fmt.Errorf("the configuration file can't be read: %w", err)
	}
	file, err := Parse(name, content, layout)
	if err != nil {
		return nil, err
	}
	file.OthersRead = othersRead(info.Mode())
	return file, nil
}

func othersRead(mode fs.FileMode) bool { return mode.Perm()&0o004 != 0 }

// TablesNamed returns the tables with a name. A nil file has none.
func (f *File) TablesNamed(name string) (tables []tomlfile.Table) {
	if f == nil {
		return nil
	}
	for _, table := range f.Tables {
		if table.Name == name {
			tables = append(tables, table)
		}
	}
	return tables
}

// Changed returns the names of the settings at the top that differ between two files, in
// order.
func Changed(old, next *File) []string {
	all := maps.Clone(old.Values)
	maps.Copy(all, next.Values)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		before, had := old.Values[name]
		after, has := next.Values[name]
		return had == has && before.Text == after.Text
	})
}

// Errors are all that is wrong with a file, each with its place.
type Errors []error

// Error returns the first, and says how many more there are.
func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%v (and %d more; 'sop-chat config check' shows all)", e[0], len(e)-1)
}

// InOrder returns the errors in the order of their lines, or nil if there are none.
func (e Errors) InOrder() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b error) int { return cmp.Compare(lineOf(a), lineOf(b)) })
	return e
}

func lineOf(err error) int {
	if placed, ok := errors.AsType[*tomlfile.Error](err); ok {
		return placed.At.Line
	}
	return 0
}
