package command

import (
	"bufio"
	_ "embed"
	"hash/fnv"
	"html/template"
	"strings"
	"time"

	"sop-chat/internal/console"
	"sop-chat/internal/history"
)

// The page is written message by message: the head, then for each day its heading
// and its messages, then the foot. All of it goes through html/template, which
// escapes texts.

//go:embed history.html
var historyPage string

var historyTemplates = template.Must(template.New("").Parse(historyPage))

type htmlExporter struct {
	out      *bufio.Writer
	rooms    bool // each message says its room
	day      string
	messages int
}

// A pageDay is the data for the heading of a day.
type pageDay struct {
	Name  string
	First bool // of all
}

// A pageFoot is the data for the end of the page.
type pageFoot struct {
	Any      bool // there are messages
	Messages string
}

// A pageMessage is the data for a message.
type pageMessage struct {
	Colour    uint32 // of the name
	Name      string // as the sender joined
	Claimed   string // as the message says, if that is another name
	IsClaimed bool
	Time      string
	Machine   string // the time, for programs
	Text      string
	Room      string // empty if it is not shown
}

func newHTMLExporter(out *bufio.Writer, rooms bool) (*htmlExporter, error) {
	return &htmlExporter{out: out, rooms: rooms}, historyTemplates.ExecuteTemplate(out, "head", nil)
}

func (h *htmlExporter) message(m *history.Message) error {
	h.messages++
	if day := m.Time.Format("Monday, 2 January 2006"); day != h.day {
		if err := historyTemplates.ExecuteTemplate(h.out, "day", pageDay{day, h.day == ""}); err != nil {
			return err
		}
		h.day = day
	}
	claimed, room := string(m.Wire.TrimmedName()), ""
	if h.rooms {
		room = string(console.Escape(nil, []byte(m.Room)))
	}
	return historyTemplates.ExecuteTemplate(h.out, "message", pageMessage{
		Colour:    colourNumber(m.From.Name),
		Name:      string(console.EscapeName(nil, []byte(m.From.Name))),
		Claimed:   string(console.EscapeName(nil, []byte(claimed))),
		IsClaimed: claimed != m.From.Name,
		Time:      m.Time.Format(time.TimeOnly),
		Machine:   m.Time.Format(time.RFC3339),
		Text:      shownText(string(m.Wire.Text())),
		Room:      room,
	})
}

func (h *htmlExporter) finish() error {
	foot := pageFoot{h.messages > 0, count(h.messages, "message")}
	if err := historyTemplates.ExecuteTemplate(h.out, "foot", foot); err != nil {
		return err
	}
	return h.out.Flush()
}

// shownText returns a text as a page shows it: escaped as on a console, except for
// line breaks.
func shownText(text string) string {
	var all []byte
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			all = append(all, '\n')
		}
		all = console.Escape(all, []byte(strings.TrimSuffix(line, "\r")))
	}
	return string(all)
}

// colourNumber returns the number of a name's colour on the page.
func colourNumber(name string) uint32 {
	const colours = 12
	hash := fnv.New32a()
	hash.Write([]byte(name))
	return hash.Sum32() % colours
}
