package command

import (
	"errors"
	"slices"
	"testing"
)

// The console tells of an outage once, when it lasts, and of its end.
func TestOutage(t *testing.T) {
	away, full := errors.New("away"), errors.New("full")
	for name, test := range map[string]struct {
		seen []error
		want []string
	}{
		"none":         {[]error{nil, nil}, nil},
		"a short one":  {[]error{nil, away, nil, away, nil}, nil},
		"a long one":   {[]error{away, away, full, full, nil, nil}, []string{"away", ""}},
		"one and next": {[]error{away, away, nil, full, full}, []string{"away", "", "full"}},
	} {
		var o outage
		var told []string
		for _, err := range test.seen {
			o.look(err, func(reason string) { told = append(told, reason) })
		}
		if !slices.Equal(told, test.want) {
			t.Errorf("%s: %q is told, want %q", name, told, test.want)
		}
	}
}
