package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// A chart is some series over the number of clients, both on logarithmic
// scales.
type chart struct {
	title, unit string
	series      []series
}

// A series is what was measured of one server.
type series struct {
	name   string
	points []point
}

type point struct{ clients, value float64 }

// The chart, in pixels: a frame around the lines, with room for numbers at its
// left and bottom and for names at its right.
const (
	chartWidth  = 840
	chartHeight = 420
	frameLeft   = 70
	frameRight  = chartWidth - 110
	frameTop    = 50
	frameBottom = chartHeight - 50
	nameHeight  = 16
)

// chartStyle follows the reader's choice of a light or a dark page.
const chartStyle = `<style>
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

// colours is how many series chartStyle tells apart.
const colours = 5

// A scale turns values from one power of ten to another into places.
type scale struct {
	least, most float64 // powers
	from, to    float64 // places
}

func (s scale) at(value float64) float64 {
	return s.from + (math.Log10(value)-s.least)/(s.most-s.least)*(s.to-s.from)
}

// scaleFor returns a scale with room for all values.
func scaleFor(values []float64, from, to float64) scale {
	s := scale{least: math.Inf(1), most: math.Inf(-1), from: from, to: to}
	for _, v := range values {
		s.least = min(s.least, math.Floor(math.Log10(v)))
		s.most = max(s.most, math.Ceil(math.Log10(v)))
	}
	if s.least >= s.most { // there is at most one value
		s.least = min(s.least, 0)
		s.most = s.least + 1
	}
	return s
}

// draw writes the chart as SVG.
func (c *chart) draw(w io.Writer) error {
	var xs, ys []float64
	for _, s := range c.series {
		for _, p := range s.points {
			xs, ys = append(xs, p.clients), append(ys, p.value)
		}
	}
	x, y := scaleFor(xs, frameLeft, frameRight), scaleFor(ys, frameBottom, frameTop)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n",
		chartWidth, chartHeight)
	fmt.Fprintf(&b, `<title id="title">%s</title>`+"\n%s", html.EscapeString(c.title), chartStyle)
	fmt.Fprintf(&b, `<text x="%d" y="25" font-weight="600">%s</text>`+"\n", frameLeft, html.EscapeString(c.title))
	c.drawGrid(&b, x, y)
	names := spread(c.series, y)
	for i, s := range c.series {
		drawSeries(&b, s, i%colours, x, y, names[i])
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// drawGrid draws a line for each power of ten.
func (c *chart) drawGrid(w io.Writer, x, y scale) {
	for p := y.least; p <= y.most; p++ {
		at := y.at(math.Pow(10, p))
		fmt.Fprintf(w, `<path class="grid" d="M%d %.1fH%d"/>`+"\n", frameLeft, at, frameRight)
		fmt.Fprintf(w, `<text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", frameLeft-8, at+4, power(p))
	}
	for p := x.least; p <= x.most; p++ {
		at := x.at(math.Pow(10, p))
		fmt.Fprintf(w, `<path class="grid" d="M%.1f %dV%d"/>`+"\n", at, frameTop, frameBottom)
		fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, frameBottom+20, power(p))
	}
	fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="middle">clients</text>`+"\n", (frameLeft+frameRight)/2, frameBottom+40)
	fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", frameLeft-8, frameTop-12, html.EscapeString(c.unit))
}

// power returns a power of ten with commas, as 10,000.
func power(p float64) string {
	text := fmt.Sprintf("%.0f", math.Pow(10, p))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// spread returns where the names of series are, each beside its last point if
// there is room, or else above the one below.
func spread(all []series, y scale) []float64 {
	places := make([]float64, len(all))
	for i, s := range all {
		if len(s.points) > 0 {
			places[i] = y.at(s.points[len(s.points)-1].value) + 4
		}
	}
	for range all { // as often as names can push each other
		for i := range places {
			for j := range places {
				if i != j && places[i] <= places[j] && places[j]-places[i] < nameHeight && (places[i] < places[j] || i < j) {
					places[i] = places[j] - nameHeight
				}
			}
		}
	}
	return places
}

// drawSeries draws a line with a dot at each point, and the name at its end.
func drawSeries(w io.Writer, s series, colour int, x, y scale, nameY float64) {
	if len(s.points) == 0 {
		return
	}
	var line, dots strings.Builder
	var lastX float64
	for i, p := range s.points {
		pen := "L"
		if i == 0 {
			pen = "M"
		}
		lastX = x.at(p.clients)
		fmt.Fprintf(&line, "%s%.1f %.1f", pen, lastX, y.at(p.value))
		fmt.Fprintf(&dots, `<circle class="s%d" cx="%.1f" cy="%.1f" r="3.5" fill="currentColor"/>`, colour, lastX, y.at(p.value))
	}
	fmt.Fprintf(w, `<path class="s%d" d="%s"/>%s`+"\n", colour, line.String(), dots.String())
	fmt.Fprintf(w, `<text class="s%d" x="%.1f" y="%.1f">%s</text>`+"\n", colour, lastX+10, nameY, html.EscapeString(s.name))
}
