package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"sop-chat/internal/english"
)

// The plot, in pixels: a frame around the curves, with room for numbers at its
// left and bottom and for names at its right.
const (
	plotWidth   = 840
	plotHeight  = 400
	frameLeft   = 80
	frameRight  = plotWidth - 70
	frameTop    = 50
	frameBottom = plotHeight - 50
	nameHeight  = 14
)

// plotStyle follows the reader's choice of a light or a dark page.
const plotStyle = `<style>
  svg { background: #fff; color: #222; font: 13px system-ui, sans-serif }
  text { fill: currentColor }
  path { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
  .grid { stroke-width: 1; opacity: .2 }
  .p50 { color: #1f77b4 } .p99 { color: #c2570c } .max { color: #777 }
  @media (prefers-color-scheme: dark) {
    svg { background: #16181c; color: #ddd }
    .p50 { color: #6cb6ff } .p99 { color: #f0a35e } .max { color: #aaa }
  }
</style>
`

// Plot draws the latency over the measured time as SVG: the median, the 99th
// percentile and the maximum of each second, on a logarithmic scale.
func (r *Report) Plot(w io.Writer) error {
	a := r.axes()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n",
		plotWidth, plotHeight)
	fmt.Fprintf(&b, `<title id="title">%s</title>`+"\n", r.title())
	b.WriteString(plotStyle)
	fmt.Fprintf(&b, `<text x="%d" y="25" font-weight="600">%s</text>`+"\n", frameLeft, r.title())
	a.draw(&b)
	nameY := float64(plotHeight) // from the lowest curve to the highest, names don't overlap
	for _, c := range curves {
		nameY = c.draw(&b, a, r.Timeline, nameY-nameHeight)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) title() string {
	load := "flat out"
	if r.Rate > 0 {
		load = whole(float64(r.Rate)) + " messages/s"
	}
	return fmt.Sprintf("Latency: %s %s, %s %s, %s", whole(float64(r.Clients)), english.Noun(r.Clients, "client"),
		whole(float64(r.Senders)), english.Noun(r.Senders, "sender"), load)
}

// Axes turn seconds and latencies into places.
type axes struct {
	seconds     int
	least, most float64 // powers of ten, in microseconds
}

func (r *Report) axes() axes {
	a := axes{seconds: len(r.Timeline), least: math.Inf(1), most: math.Inf(-1)}
	for _, s := range r.Timeline {
		if s.Deliveries > 0 {
			a.least = min(a.least, math.Floor(power(s.P50)))
			a.most = max(a.most, math.Ceil(power(s.Max)))
		}
	}
	if a.least >= a.most { // nothing came, or all of it within a microsecond
		a.least = min(a.least, 0)
		a.most = a.least + 1
	}
	return a
}

// power returns the power of ten that a latency is, in microseconds.
func power(d time.Duration) float64 { return math.Log10(float64(max(d, time.Microsecond)) / 1e3) }

// x returns the place of the middle of a second.
func (a axes) x(second float64) float64 {
	return frameLeft + (second+0.5)/float64(max(a.seconds, 1))*(frameRight-frameLeft)
}

func (a axes) y(power float64) float64 {
	return frameBottom - (power-a.least)/(a.most-a.least)*(frameBottom-frameTop)
}

// draw draws a line for each power of ten, and about ten of the seconds.
func (a axes) draw(w io.Writer) {
	for p := a.least; p <= a.most; p++ {
		y := a.y(p)
		fmt.Fprintf(w, `<path class="grid" d="M%d %.1fH%d"/>`+"\n", frameLeft, y, frameRight)
		d := time.Duration(math.Pow(10, p)) * time.Microsecond
		fmt.Fprintf(w, `<text x="%d" y="%.1f" text-anchor="end">%v</text>`+"\n", frameLeft-8, y+4, d)
	}
	for s := 0; s < a.seconds; s += max(1, (a.seconds+9)/10) {
		fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", a.x(float64(s)), frameBottom+20, s+1)
	}
	fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="middle">second</text>`+"\n",
		(frameLeft+frameRight)/2, frameBottom+40)
}

// A curve is one value of each second.
type curve struct {
	name string
	of   func(Second) time.Duration
}

// curves are all of them, from the lowest to the highest.
var curves = []curve{
	{"p50", func(s Second) time.Duration { return s.P50 }},
	{"p99", func(s Second) time.Duration { return s.P99 }},
	{"max", func(s Second) time.Duration { return s.Max }},
}

// draw draws the curve with gaps where nothing came, and its name at the end,
// not below lowest. It returns where the name is.
func (c curve) draw(w io.Writer, a axes, seconds []Second, lowest float64) (nameY float64) {
	var path strings.Builder
	var x, y float64
	pen := "M"
	for i, s := range seconds {
		if s.Deliveries == 0 {
			pen = "M"
			continue
		}
		x, y = a.x(float64(i)), a.y(power(c.of(s)))
		fmt.Fprintf(&path, "%s%.1f %.1fh0", pen, x, y) // h0 makes a dot, even of a point alone
		pen = "L"
	}
	if path.Len() == 0 {
		return lowest
	}
	nameY = min(y+4, lowest)
	fmt.Fprintf(w, `<path class="%s" d="%s"/>`+"\n", c.name, path.String())
	fmt.Fprintf(w, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", c.name, x+8, nameY, c.name)
	return nameY
}
