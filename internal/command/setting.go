package command

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/pflag"
)

// A setting is the value of a flag: the text it was set to, and what a parser
// made of it. It is a pflag.Value.
type setting[T any] struct {
	parse func(string) (T, error)
	value *T
	text  string
	kind  string
}

var _ pflag.Value = (*setting[int])(nil)

func (s *setting[T]) String() string { return s.text }
func (s *setting[T]) Type() string   { return s.kind }

func (s *setting[T]) Set(text string) error {
	value, err := s.parse(text)
	if err != nil {
		return err
	}
	*s.value, s.text = value, text
	return nil
}

// words returns the words that the setting can be, if it can be only some.
func (s *setting[T]) words() []string {
	_, err := s.parse("\x00")
	if choice, is := errors.AsType[*choiceError](err); is {
		return choice.words
	}
	return nil
}

// define adds a flag whose value is set to what parse makes of standard, and
// later of the flag's or the variable's text. kind stands for the value in the
// help; a flag without one is a switch.
func define[T any](flags *pflag.FlagSet, value *T, name, kind, standard string,
	parse func(string) (T, error), usage string,
) {
	s := &setting[T]{parse: parse, value: value, kind: kind}
	if err := s.Set(standard); err != nil {
		panic("command: default of --" + name + ": " + err.Error())
	}
	flag := flags.VarPF(s, name, "", usage)
	if kind == "" {
		flag.NoOptDefVal = "true"
	}
}

// Each parser reads one kind of value. Its error says what the text is not.

// wholeNumber returns a parser of numbers from least to most.
func wholeNumber(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q is not a whole number from %d to %d", text, least, most)
		}
		return n, nil
	}
}

// duration parses the duration of a timeout: epoll counts milliseconds, and more
// than a day is likely a mistake.
func duration(text string) (time.Duration, error) {
	const least, most = time.Millisecond, 24 * time.Hour
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("%q is not a duration from 1ms to 24h, such as 10s or 2m30s", text)
	}
	return d, nil
}

// durationOrNone parses what duration does, or 0.
func durationOrNone(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil && d == 0 {
		return 0, nil
	}
	return duration(text)
}

// age parses how long ago something was: weeks and days, and what
// time.ParseDuration parses, such as 90d or 1w2d12h.
func age(text string) (time.Duration, error) {
	const most = 200 * 365 * 24 * time.Hour // times are counted in nanoseconds
	var sum time.Duration
	rest := text
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil || time.Duration(n) > most/unit.length {
			return 0, badAge(text)
		}
		sum, rest = sum+time.Duration(n)*unit.length, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d > most {
			return 0, badAge(text)
		}
		sum += d
	}
	if sum <= 0 || sum > most {
		return 0, badAge(text)
	}
	return sum, nil
}

func badAge(text string) error {
	return fmt.Errorf("%q is not an age, such as 30m, 12h, 90d or 4w", text)
}

// ageOrNone parses an age, or an empty text.
func ageOrNone(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return age(text)
}

// maxBacklog is the largest backlog; on 32-bit machines it must fit an int.
const maxBacklog = min(64<<30, math.MaxInt/4)

// size parses the size of a backlog, in bytes.
func size(text string) (int, error) {
	const least = 64 << 10
	n, err := humanize.ParseBytes(text)
	if err != nil || n < least || n > maxBacklog {
		return 0, fmt.Errorf("%q is not a size from 64KiB to %s, such as 32MiB", text,
			strings.ReplaceAll(humanize.IBytes(maxBacklog), " ", ""))
	}
	return int(n), nil
}

// oneOf returns a parser of one of some words. Its error is a choiceError.
func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", &choiceError{text, words}
		}
		return text, nil
	}
}

// A choiceError says that a text is none of some words.
type choiceError struct {
	text  string
	words []string
}

func (e *choiceError) Error() string {
	last := len(e.words) - 1
	return fmt.Sprintf("%q is not %s or %s", e.text, strings.Join(e.words[:last], ", "), e.words[last])
}

// level parses the lowest level that is logged.
func level(text string) (slog.Level, error) {
	var l slog.Level
	if _, err := oneOf("debug", "info", "warn", "error")(text); err != nil {
		return l, err
	}
	return l, l.UnmarshalText([]byte(text))
}

// truth parses the value of a switch.
func truth(text string) (bool, error) {
	is, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is not true or false", text)
	}
	return is, nil
}

// anyText accepts any text unchanged.
func anyText(text string) (string, error) { return text, nil }
