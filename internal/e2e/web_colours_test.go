package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// An rgb is a colour: red, green and blue, from 0 to 255.
type rgb [3]float64

// linear returns a colour's parts as light.
func (c rgb) linear() (l [3]float64) {
	for i, v := range c {
		if v /= 255; v <= 0.04045 {
			l[i] = v / 12.92
		} else {
			l[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return l
}

// contrast is that of WCAG 2.2.
func (c rgb) contrast(other rgb) float64 {
	luminance := func(c rgb) float64 {
		l := c.linear()
		return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2] + 0.05
	}
	a, b := luminance(c), luminance(other)
	return max(a, b) / min(a, b)
}

// distance is that in the space OKLab, in which 0.02 can just be seen.
func (c rgb) distance(other rgb) float64 {
	lab := func(c rgb) [3]float64 {
		parts := c.linear()
		l := math.Cbrt(0.4122214708*parts[0] + 0.5363325363*parts[1] + 0.0514459929*parts[2])
		m := math.Cbrt(0.2119034982*parts[0] + 0.6806995451*parts[1] + 0.1073969566*parts[2])
		s := math.Cbrt(0.0883024619*parts[0] + 0.2817188376*parts[1] + 0.6299787005*parts[2])
		return [3]float64{
			0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
			1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
			0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
		}
	}
	a, b := lab(c), lab(other)
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}

// colourOf defines a function that returns a property's colour as it is on the screen.
const colourOf = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	window.colourOf = (element, property, pseudo) => {
		canvas.fillStyle = getComputedStyle(element, pseudo)[property];
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
	};
	return true;
})()`

// The names of a dozen people have colours that can be told from each other and be read,
// in both colour schemes.
func TestWebColours(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	names := []string{"bob", "alice", "Dr. Max.", "carol", "dave", "eve", "frank", "grace", "heidi", "ivan", "日本", "judy"}
	for _, scheme := range []string{"light", "dark"} {
		p := b.open(startWeb(t).link(), desktop)
		p.prefer(scheme)
		eval[bool](p, colourOf)
		eval[bool](p, startLog)
		for _, name := range names {
			eval[bool](p, fmt.Sprintf(`(add(%s, "hello", 0), true)`, quoted(name)))
		}
		p.wait("the messages", fmt.Sprintf(`document.querySelectorAll(".name").length === %d`, len(names)))
		of := func(element string) []rgb {
			return eval[[]rgb](p, fmt.Sprintf(`[...document.querySelectorAll(".message")].map((m) => colourOf(%s))`, element))
		}
		shown, sheet, page := of(`m.querySelector(".name"), "color"`), of(`m, "backgroundColor"`), of(`document.body, "backgroundColor"`)
		circle, letters := of(`m, "backgroundColor", "::before"`), of(`m, "color", "::before"`)
		for i, name := range names {
			for what, c := range map[string]float64{
				"in a message":    shown[i].contrast(sheet[i]),
				"in an action":    shown[i].contrast(page[i]),
				"as its initials": letters[i].contrast(circle[i]),
			} {
				if c < 4.5 {
					t.Errorf("%s: %s has a contrast of %.2f %s", scheme, name, c, what)
				}
			}
			for j := range i {
				if d := shown[i].distance(shown[j]); d < 0.05 {
					t.Errorf("%s: the colours of %s and %s are %.3f apart: %v, %v", scheme, name, names[j], d, shown[i], shown[j])
				}
			}
		}
	}
}

// A name has its initials beside it, and one line, however long it is; all of it is in
// what is shown while it is pointed at.
func TestWebNames(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for _, size := range []screenSize{desktop, phone} {
		p := b.open(startWeb(t).link(), size)
		eval[bool](p, startLog)
		long := strings.Repeat("long name ", 6) + "end."
		for _, c := range []struct{ name, initials string }{
			{"bob", "B"},
			{"Dr. Max.", "DM"},
			{"élodie de la tour", "ÉT"},
			{"日本", "日"},
			{"👍", "?"},
			{"", "?"},
			{long, "LE"},
		} {
			eval[bool](p, fmt.Sprintf(`(add(%s, "hello", 0), true)`, quoted(c.name)))
			p.wait(c.name, fmt.Sprintf(`[...document.querySelectorAll(".message")].at(-1)?.dataset.initials === %s`, quoted(c.initials)))
		}
		const line = `(() => {
			const name = [...document.querySelectorAll(".name")].at(-1);
			return name.clientHeight < 30 && name.scrollWidth > name.clientWidth && name.title;
		})()`
		if title := eval[any](p, line); title != long {
			t.Errorf("%d wide: a long name is not in one line, with all of it as %q", size.width, title)
		}
	}
}

// What is said about a message's name stays beside it, however long the text is.
func TestWebRemarkBesideName(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	path := historyFile(t)
	srv := startWeb(t, "--history", path)
	p := b.open(srv.link(), desktop)
	p.join("alice")
	bob := join(t, srv.server, "bob")
	bob.send(message("carol", strings.Repeat("long words ", 30)))
	p.hears("bob", strings.Repeat("long words ", 30))
	const gaps = `(() => {
		const m = document.querySelector("%s .message");
		const [name, remark, time] = [".name", ".remark", "time"].map((s) => {
			const range = document.createRange(); // of the letters alone
			range.selectNodeContents(m.querySelector(s));
			return range.getBoundingClientRect();
		});
		return [remark.left - name.right, time.left - remark.right, time.top - remark.bottom].map(Math.round);
	})()`
	check := func(where string) {
		t.Helper()
		if got := eval[[]int](p, fmt.Sprintf(gaps, where)); got[0] > 15 || got[1] > 15 || got[2] > 0 {
			t.Errorf("in %s the remark is %d pixels from the name, and the time %d from that, %d below", where, got[0], got[1], got[2])
		}
	}
	check("#messages")
	p.wait("what the room offers", `!document.getElementById("open-search").hidden`)
	eventually(t, "it is kept", func() bool { return lastOf(t, path) == 1 })
	p.click("#open-search")
	p.fill("#words", "long")
	p.click("#find .main")
	p.wait("the message to be found", `document.querySelector("#hits .context")`)
	check("#hits")
}
