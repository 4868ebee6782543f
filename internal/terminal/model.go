package terminal

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"sop-chat/client"
	"sop-chat/internal/english"
)

// framesPerSecond is how often the screen changes at most. The model takes all
// events of a frame together, however many there are.
const framesPerSecond = 30

// wheelRows is how far the mouse wheel scrolls.
const wheelRows = 3

// A backend is what the model uses of a session.
type backend interface {
	enqueue(text string) bool // adds a text to the outbox, if there is space
	nextEvents() []event      // waits for events; nil when the session ends
}

var _ backend = (*session)(nil)

func (s *session) enqueue(text string) bool { return s.outbox.add(text) }
func (s *session) nextEvents() []event      { return s.inbox.take(s.ctx) }

// A model is the state of the screen. Only Update changes it.
type model struct {
	name, room string
	roomName   string // "" if it has none, or none is known
	backend    backend
	now        func() time.Time

	state       state
	lastFailure string // why joining again has failed, as it was last said
	log         scrollback
	colours     colours
	unsentTexts []string // of log.unsent
	record      record   // only of what came over TCP
	input       input
	help        helpPage
	day         string // that was shown last; none before the first message
	failure     error  // why the program ends by itself

	width, height int
	mouseOff      bool
	blurred       bool // the terminal does not have the focus
	mentions      int  // how many came since the user last looked
	warned        bool // the user knows that leaving loses messages
	refused       bool // the input was not taken, because the outbox is full
}

// A state is the state of the connection.
type state struct {
	online  bool
	delayed bool // texts that were sent have not arrived for a while
	joining bool
	until   time.Time // the next attempt to join
}

var _ tea.Model = (*model)(nil)

func newModel(name, room string, p backend) *model {
	m := &model{name: name, room: room, backend: p, now: time.Now, input: newInput(), colours: newColours(colorprofile.ANSI256)}
	m.resize(80, 24)
	return m
}

// sends reports whether texts are sent and arrive.
func (m *model) sends() bool { return m.state.online && !m.state.delayed }

// Init begins to wait for events.
func (m *model) Init() tea.Cmd { return m.nextEvents }

// eventsMsg is the events since the last one.
type eventsMsg []event

func (m *model) nextEvents() tea.Msg {
	events := m.backend.nextEvents()
	if events == nil {
		return nil
	}
	return eventsMsg(events)
}

// nextEventsLater waits for a frame first, so that the events of that time come
// together.
func (m *model) nextEventsLater() tea.Cmd {
	return tea.Tick(time.Second/framesPerSecond, func(time.Time) tea.Msg { return m.nextEvents() })
}

// A tickMsg comes every second while the status line counts down.
type tickMsg struct{}

func tickLater() tea.Cmd {
	return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// Update handles the user's input and the session's events.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		m.clearMentions()
		cmd = m.press(msg)
	case tea.PasteMsg:
		m.clearMentions()
		m.help.open = false
		if !m.input.paste(msg.Content) {
			m.addNotice(fmt.Sprintf("only a part was pasted: the input holds %d KiB", maxInput>>10))
		}
	case tea.MouseWheelMsg:
		m.clearMentions()
		m.wheel(msg)
	case tea.FocusMsg:
		m.blurred = false
		m.clearMentions()
	case tea.BlurMsg:
		m.blurred = true
	case eventsMsg:
		cmd = tea.Batch(m.take(msg), m.nextEventsLater())
	case tickMsg:
		if !m.state.online {
			cmd = tickLater()
		}
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore {
			m.input.draft.graphemes = msg.Value == ansi.ModeReset || msg.Value == ansi.ModeSet || msg.Value == ansi.ModePermanentlySet
		}
	}
	m.resize(m.width, m.height)
	return m, cmd
}

// clearMentions is called when the user looks at the screen.
func (m *model) clearMentions() { m.mentions = 0 }

func (m *model) wheel(msg tea.MouseWheelMsg) {
	scroll := m.log.scroll
	if m.help.open {
		scroll = m.help.scroll
	}
	switch msg.Button {
	case tea.MouseWheelUp:
		scroll(-wheelRows)
	case tea.MouseWheelDown:
		scroll(wheelRows)
	}
}

// take handles events of the session.
func (m *model) take(events eventsMsg) tea.Cmd {
	var cmds []tea.Cmd
	ring := false
	for _, e := range events {
		switch e := e.(type) {
		case received:
			ring = m.receive(e) || ring
		case burst:
			ring = m.showBurst(e) || ring
		case missed:
			m.addNotice(fmt.Sprintf("%s %s missing here, and no longer on the server",
				english.Count(e.messages, "message"), english.Are(e.messages)))
		case leftOut:
			m.addNotice(english.Count(e.messages, "message") + " left out: they came faster than they could be shown")
		case sent:
			m.markSent(e)
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
	if ring {
		cmds = append(cmds, tea.Raw("\a"))
	}
	return tea.Batch(cmds...)
}

// receive shows a message, and reports whether it mentions the user.
func (m *model) receive(r received) (mentionsUser bool) {
	if !r.known {
		m.record.add(said{r.name, r.text}, m.name)
	}
	name := strings.TrimSpace(r.name)
	k := others
	switch {
	case r.known && r.from != name:
		m.addEntry(newClaim(r.at, r.from, r.name, r.text))
		return false
	case name == m.name:
		k = doubtful
	case mentions(r.text, m.name):
		k, mentionsUser = mentioned, !r.replayed
	}
	if mentionsUser {
		m.mentions++
	}
	m.addEntry(newMessage(k, r.at, r.name, r.text))
	return mentionsUser
}

// say sends a text, now or when the connection is back.
func (m *model) say(text string) {
	if !m.backend.enqueue(text) {
		m.input.set(text)
		if !m.refused { // or each line of a long paste would add a notice
			m.refused = true
			m.addNotice("too many messages wait to be sent; this one stays in the input, which takes no more until some are sent")
		}
		return
	}
	m.log.unsent = append(m.log.unsent, newMessage(unsent, m.now(), m.name, text))
	m.unsentTexts = append(m.unsentTexts, text)
	m.warned, m.refused = false, false
	m.log.toBottom()
}

// markSent moves the oldest unsent texts to the end of the messages: other clients
// receive them only now.
func (m *model) markSent(s sent) {
	isKnown := !s.at.IsZero()
	if !isKnown {
		s.at = m.now()
	}
	for range min(s.texts, len(m.log.unsent)) {
		e := m.log.unsent[0]
		e.kind, e.at = own, s.at
		for _, part := range client.Split(m.unsentTexts[0]) {
			if !isKnown {
				m.record.addSent(said{m.name, part})
			}
		}
		m.log.unsent, m.unsentTexts = m.log.unsent[1:], m.unsentTexts[1:]
		m.addEntry(e)
	}
}
