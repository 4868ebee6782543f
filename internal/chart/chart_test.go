package chart

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "renew the golden files")

func draw(t *testing.T, c Chart) string {
	t.Helper()
	var b strings.Builder
	if err := c.Draw(&b); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return b.String()
		} else if err != nil {
			t.Fatalf("%v: %s", err, b.String())
		}
	}
}

// A chart has a line for each series with a point, and the names don't overlap.
func TestDraw(t *testing.T) {
	got := draw(t, Chart{Title: "Cost & more", X: Axis{Name: "clients"}, Y: Axis{Name: "ns"}, Dots: true, Series: []Series{
		{"a", []Point{{10, 80}, {100, 40}, {1000, 38}}},
		{"b", []Point{{10, 500}, {100, 41}, {1000, 39}}},
		{"fails", []Point{{10, 2500}}},
		{"none", nil},
	}})
	file := filepath.Join("testdata", "chart.svg")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not what %s shows; run go test with -update if it should be:\n%s", file, got)
	}
}

// A chart with few or no points has its axes anyway.
func TestDrawLittle(t *testing.T) {
	gap := Point{1, math.NaN()}
	for _, points := range [][]Point{nil, {gap}, {gap, {2, 1000}, {3, math.NaN()}}, {{1, 1}}} {
		for _, linear := range []bool{false, true} {
			got := draw(t, Chart{X: Axis{Name: "second", Linear: linear}, Series: []Series{{"a", points}}})
			if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") || !strings.Contains(got, ">second<") {
				t.Errorf("%v: %s", points, got)
			}
		}
	}
}

// A linear axis has about ten marks, and space around each number.
func TestLinear(t *testing.T) {
	for n, want := range map[int]int{1: 1, 4: 4, 10: 10, 11: 6, 60: 10, 3600: 10} {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		s := newScale(Axis{Linear: true}, values, 0, float64(n))
		if got := s.marks(); len(got) != want || got[0] != 1 {
			t.Errorf("%d values have the marks %v, want %d", n, got, want)
		}
		if first, last := s.at(1), s.at(float64(n)); first != 0.5 || last != float64(n)-0.5 {
			t.Errorf("of %d values the first is at %v, the last at %v", n, first, last)
		}
	}
}
