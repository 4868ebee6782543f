package config

import "sop-chat/internal/tomlfile"

// A Layout says what a file may have.
type Layout struct {
	Options []Option
	Tables  []Table
	// Flags are the names of those that are no settings of a file.
	Flags []string
	// Check checks the tables further; nil does not.
	Check func([]tomlfile.Table) []error
}

// An Option is a setting at the top of a file.
type Option struct {
	Name string
	// Kind is how its value is written. Where that is Number, a word is permitted that
	// Check accepts, such as auto; where it is List, a single text.
	Kind tomlfile.Kind
	// Separator stands between the items of a list in its text.
	Separator string
	// Secret says that nobody is shown the value, or in a list, what is behind the '=' of
	// each item.
	Secret bool
	// Check says what is wrong with a text.
	Check func(text string) error
}

// A Table is a kind of table, of which there may be any number.
type Table struct {
	Name     string
	Settings []string
	Secret   string // the setting whose value nobody is shown
	// Instead says what to do if a file has a setting with the name of the table, too, of
	// which TOML permits one alone.
	Instead string
}

func (l *Layout) option(name string) *Option {
	for i := range l.Options {
		if l.Options[i].Name == name {
			return &l.Options[i]
		}
	}
	return nil
}

func (l *Layout) table(name string) *Table {
	for i := range l.Tables {
		if l.Tables[i].Name == name {
			return &l.Tables[i]
		}
	}
	return nil
}
