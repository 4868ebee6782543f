package chart

import (
	"html"
	"math"

	"github.com/dustin/go-humanize"
)

// A scale turns values on an axis into pixels.
type scale struct {
	Axis
	least, most float64 // powers of ten, or if it is linear, values
	from, to    float64 // pixels
}

// newScale returns a scale that includes all values.
func newScale(a Axis, values []float64, from, to float64) scale {
	s := scale{Axis: a, least: math.Inf(1), most: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		switch {
		case math.IsNaN(v):
		case a.Linear:
			s.least, s.most = min(s.least, v-0.5), max(s.most, v+0.5)
		default:
			s.least = min(s.least, math.Floor(math.Log10(v)))
			s.most = max(s.most, math.Ceil(math.Log10(v)))
		}
	}
	if s.least >= s.most { // there is at most one value
		s.least = min(s.least, 0)
		s.most = s.least + 1
	}
	return s
}

// at returns the pixel of a value.
func (s scale) at(value float64) float64 {
	if !s.Linear {
		value = math.Log10(value)
	}
	return s.from + (value-s.least)/(s.most-s.least)*(s.to-s.from)
}

// marks returns the values that have a label.
func (s scale) marks() (values []float64) {
	if s.Linear {
		step := max(1, math.Ceil((s.most-s.least)/10))
		for v := math.Ceil(s.least); v <= s.most; v += step {
			values = append(values, v)
		}
		return values
	}
	for power := s.least; power <= s.most; power++ {
		values = append(values, math.Pow(10, power))
	}
	return values
}

func (s scale) label(value float64) string {
	if s.Label == nil {
		return humanize.Comma(int64(math.Round(value)))
	}
	return html.EscapeString(s.Label(value))
}
