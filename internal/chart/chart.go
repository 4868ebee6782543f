// Package chart draws line charts as SVG, with logarithmic axes. It knows nothing of
// what the values mean.
package chart

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// A Chart has series of points with common axes. Values on a logarithmic axis must
// be above 0.
type Chart struct {
	Title  string
	X      Axis // from left to right; its name is below it
	Y      Axis // from the bottom up, always logarithmic; its name is above it
	Dots   bool // marks each point
	Series []Series
}

// An Axis has a grid line at each power of ten, or if it is linear, at about ten
// whole numbers.
type Axis struct {
	Name   string
	Linear bool
	Label  func(value float64) string // nil: whole numbers with commas, as 10,000
}

// A Series is a line through points from left to right, with its name at the end.
type Series struct {
	Name   string
	Points []Point
}

// A Point belongs to a series. If Y is NaN, the line has a gap there.
type Point struct{ X, Y float64 }

// The chart, in pixels: a frame around the lines, with space for labels at its left
// and bottom and for names at its right.
const (
	width       = 840
	height      = 420
	frameLeft   = 70
	frameRight  = width - 110
	frameTop    = 50
	frameBottom = height - 50
	nameHeight  = 16
)

// style follows the reader's preference for a light or a dark page.
const style = `<style>
  svg { background: #fff; color: #222; font: 13px system-ui, sans-serif }
  text { fill: currentColor }
  path { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
  .grid { stroke-width: 1; opacity: .2 }
  .s0 { color: #1f77b4 } .s1 { color: #c2570c } .s2 { color: #2b8a3e } .s3 { color: #a61e8f } .s4 { color: #777 }
  @media (prefers-color-scheme: dark) {
    svg { background: #16181c; color: #ddd }
    .s0 { color: #6cb6ff } .s1 { color: #f0a35e } .s2 { color: #6fcf82 } .s3 { color: #e58ad6 } .s4 { color: #aaa }
  }
</style>
`

// colours is how many colours style has for series.
const colours = 5

// Draw writes the chart as SVG.
func (c *Chart) Draw(w io.Writer) error {
	var xs, ys []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	x, y := newScale(c.X, xs, frameLeft, frameRight), newScale(c.Y, ys, frameBottom, frameTop)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n",
		width, height)
	title := html.EscapeString(c.Title)
	fmt.Fprintf(&b, `<title id="title">%s</title>`+"\n%s", title, style)
	fmt.Fprintf(&b, `<text x="%d" y="25" font-weight="600">%s</text>`+"\n", frameLeft, title)
	drawGrid(&b, x, y)
	names := spread(c.Series, y)
	for i, s := range c.Series {
		s.draw(&b, i%colours, x, y, names[i], c.Dots)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawGrid draws a line for each mark on the axes.
func drawGrid(w io.Writer, x, y scale) {
	for _, v := range y.marks() {
		fmt.Fprintf(w, `<path class="grid" d="M%d %.1fH%d"/>`+"\n", frameLeft, y.at(v), frameRight)
		fmt.Fprintf(w, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", frameLeft-8, y.at(v)+4, y.label(v))
	}
	for _, v := range x.marks() {
		fmt.Fprintf(w, `<path class="grid" d="M%.1f %dV%d"/>`+"\n", x.at(v), frameTop, frameBottom)
		fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x.at(v), frameBottom+20, x.label(v))
	}
	fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
		(frameLeft+frameRight)/2, frameBottom+40, html.EscapeString(x.Name))
	fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", frameLeft-8, frameTop-12, html.EscapeString(y.Name))
}

// spread returns the vertical positions of the series' names: each beside its last
// point if there is space, and otherwise above the name below.
func spread(all []Series, y scale) []float64 {
	positions := make([]float64, len(all))
	for i, s := range all {
		if end, ok := s.end(); ok {
			positions[i] = y.at(end.Y) + 4
		}
	}
	for range all { // each name can be moved once by each other one
		for i := range positions {
			for j := range positions {
				if i != j && positions[i] <= positions[j] && positions[j]-positions[i] < nameHeight && (positions[i] < positions[j] || i < j) {
					positions[i] = positions[j] - nameHeight
				}
			}
		}
	}
	return positions
}

// end returns the last point that is not a gap.
func (s Series) end() (_ Point, ok bool) {
	for i := len(s.Points) - 1; i >= 0; i-- {
		if !math.IsNaN(s.Points[i].Y) {
			return s.Points[i], true
		}
	}
	return Point{}, false
}

// draw draws the line, and the name at its end.
func (s Series) draw(w io.Writer, colour int, x, y scale, nameY float64, dots bool) {
	end, ok := s.end()
	if !ok {
		return
	}
	var line, circles strings.Builder
	pen := "M"
	for _, p := range s.Points {
		if math.IsNaN(p.Y) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&line, "%s%.1f %.1fh0", pen, x.at(p.X), y.at(p.Y)) // with h0 a single point is visible, too
		pen = "L"
		if dots {
			fmt.Fprintf(&circles, `<circle class="s%d" cx="%.1f" cy="%.1f" r="3.5" fill="currentColor"/>`, colour, x.at(p.X), y.at(p.Y))
		}
	}
	fmt.Fprintf(w, `<path class="s%d" d="%s"/>%s`+"\n", colour, line.String(), circles.String())
	fmt.Fprintf(w, `<text class="s%d" x="%.1f" y="%.1f">%s</text>`+"\n", colour, x.at(end.X)+10, nameY, html.EscapeString(s.Name))
}
