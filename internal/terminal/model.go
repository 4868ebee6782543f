package terminal

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"sop-chat/internal/english"
)

// framesPerSecond is how often the screen changes at most. However much comes,
// it is taken over together once a frame.
const framesPerSecond = 30

// wheelRows is how far the mouse wheel scrolls.
const wheelRows = 3

// A postman is what the model knows of a session.
type postman interface {
	post(text string) bool // into the outbox, if there is room
	collect() []event      // waits for what has happened; nil in the end
}

var _ postman = (*session)(nil)

func (s *session) post(text string) bool { return s.outbox.add(text) }
func (s *session) collect() []event      { return s.inbox.take(s.ctx) }

// A model is everything that is on the screen. Only Update changes it.
type model struct {
	name, room string
	post       postman
	now        func() time.Time

	state   state
	told    string // why joining again has failed, as it was last said
	log     scrollback
	input   input
	day     string // of the last entry
	failure error  // why the program ends by itself

	width, height int
	mouseOff      bool
	blurred       bool // the user looks elsewhere
	mentions      int  // since the user looked
	warned        bool // that leaving loses what was not sent
	refused       bool // what is in the input, because too much waits to be sent
}

// A state says how the connection is.
type state struct {
	online  bool
	delayed bool // nothing that was sent arrives
	joining bool
	until   time.Time // the next attempt to join
}

var _ tea.Model = (*model)(nil)

func newModel(name, room string, p postman) *model {
	m := &model{name: name, room: room, post: p, now: time.Now, input: newInput()}
	m.resize(80, 24)
	return m
}

// sends reports whether what is said arrives.
func (m *model) sends() bool { return m.state.online && !m.state.delayed }

// Init begins to wait for what happens.
func (m *model) Init() tea.Cmd { return m.collect }

// news is what has happened since it was last asked for.
type news []event

func (m *model) collect() tea.Msg {
	events := m.post.collect()
	if events == nil {
		return nil
	}
	return news(events)
}

// collectLater waits for a frame before it asks again, so that what comes in
// the meantime comes together.
func (m *model) collectLater() tea.Cmd {
	return tea.Tick(time.Second/framesPerSecond, func(time.Time) tea.Msg { return m.collect() })
}

// A tick comes every second while there is something that counts down.
type tick struct{}

func ticking() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tick{} })
}

// Update takes what the user did or what happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		m.looked()
		cmd = m.press(msg)
	case tea.PasteMsg:
		m.looked()
		if !m.input.paste(msg.Content) {
			m.note(fmt.Sprintf("only a part was pasted: the input holds %d KiB", mostPasted>>10))
		}
	case tea.MouseWheelMsg:
		m.looked()
		m.wheel(msg)
	case tea.FocusMsg:
		m.blurred = false
		m.looked()
	case tea.BlurMsg:
		m.blurred = true
	case news:
		cmd = tea.Batch(m.take(msg), m.collectLater())
	case tick:
		if !m.state.online {
			cmd = ticking()
		}
	default:
		cmd = m.input.update(msg)
	}
	m.resize(m.width, m.height)
	return m, cmd
}

// looked notes that the user sees the screen.
func (m *model) looked() { m.mentions = 0 }

func (m *model) wheel(msg tea.MouseWheelMsg) {
	switch msg.Button {
	case tea.MouseWheelUp:
		m.log.scroll(-wheelRows)
	case tea.MouseWheelDown:
		m.log.scroll(wheelRows)
	}
}

// take takes what has happened.
func (m *model) take(events news) tea.Cmd {
	var cmds []tea.Cmd
	called := false
	for _, e := range events {
		switch e := e.(type) {
		case received:
			called = m.receive(e) || called
		case leftOut:
			m.note(english.Count(e.messages, "message") + " left out: they came faster than they could be shown")
		case sent:
			m.markSent(e.texts)
			m.state.delayed, m.refused = false, false
		case delayed:
			m.state.delayed = true
		case failed:
			m.failure = e.err
			cmds = append(cmds, tea.Quit)
		case waiting:
			cmds = append(cmds, m.wait(e))
		default:
			m.connection(e)
		}
	}
	if called {
		cmds = append(cmds, tea.Raw("\a"))
	}
	return tea.Batch(cmds...)
}

// receive shows a message, and reports whether it is for the user.
func (m *model) receive(r received) (called bool) {
	k := others
	switch {
	case strings.TrimSpace(r.name) == m.name:
		k = borrowed
	case mentions(r.text, m.name):
		k, called = mentioned, true
		m.mentions++
	}
	m.add(newMessage(k, r.at, r.name, r.text))
	return called
}

// say sends a text, now or when the connection is back.
func (m *model) say(text string) {
	if !m.post.post(text) {
		m.input.set(text)
		if !m.refused { // or a paste of many lines would say it for each
			m.refused = true
			m.note("too much waits to be sent already; it stays in the input, which takes no more until something was sent")
		}
		return
	}
	m.log.unsent = append(m.log.unsent, newMessage(unsent, m.now(), m.name, text))
	m.warned, m.refused = false, false
	m.log.toBottom()
}

// markSent moves the oldest unsent texts to where they were said: the others
// see them only now.
func (m *model) markSent(n int) {
	for _, e := range m.log.unsent[:min(n, len(m.log.unsent))] {
		e.kind, e.at = own, m.now()
		m.log.unsent = m.log.unsent[1:]
		m.add(e)
	}
}
