//go:build linux

package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Numbers returns all numbers by their names, without what all names begin with. One that
// differs by a label is a map by the values of the label, and a histogram one with its count
// and its sum.
func Numbers(c Config) (map[string]any, error) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&collector{c})
	families, err := registry.Gather()
	if err != nil {
		return nil, err
	}
	all := make(map[string]any, len(families))
	for _, f := range families {
		name := strings.TrimPrefix(f.GetName(), prefix)
		for _, m := range f.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				all[name] = map[string]any{"count": h.GetSampleCount(), "sum": h.GetSampleSum()}
				continue
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() // it is one of them
			switch labels := m.GetLabel(); len(labels) {
			case 0:
				all[name] = value
			case 1:
				by, _ := all[name].(map[string]any)
				if by == nil {
					by = make(map[string]any)
					all[name] = by
				}
				by[labels[0].GetValue()] = value
			}
			// The build has several; it is in no number.
		}
	}
	return all, nil
}
