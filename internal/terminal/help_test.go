package terminal

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// The help covers the screen until any key, and leaves nothing in the conversation
// and the input.
func TestHelp(t *testing.T) {
	u := newUser(t, 80, 24)
	u.hears("bob", "earlier")
	u.types("draft")
	before := u.screen()
	for _, key := range []string{"<esc>", "<enter>", "x", "<ctrl+c>", "<f1>", "<up>"} {
		u.types("<f1>")
		u.shows("/quit: leaves", "! is not from whom", "Esc closes")
		u.showsNot("earlier")
		if u.View().Cursor != nil {
			t.Error("there is a cursor")
		}
		if u.types(key); u.screen() != before || u.quit {
			t.Errorf("after %s the screen is\n%s", key, u.screen())
		}
	}
	u.types("<f1>")
	u.hears("bob", "meanwhile")
	u.showsNot("meanwhile")
	u.update(tea.PasteMsg{Content: "pasted"})
	u.shows("bob: meanwhile", "> draftpasted")
}

// It scrolls where it does not fit, and fits any screen.
func TestHelpScrolls(t *testing.T) {
	u := newUser(t, 40, 8)
	u.types("/help", "<enter>")
	u.shows(" /help: shows this", "scroll")
	u.types("<down>")
	u.showsNot("/help: shows this")
	u.types("<up>", "<pgdown>")
	u.showsNot("/help: shows this")
	u.types("<end>")
	u.shows("from here")
	u.update(tea.MouseWheelMsg{Button: tea.MouseWheelUp})
	u.showsNot("from here")
	u.types("<home>", "<home>")
	u.shows("/help: shows this")
	u.types("<end>")
	for _, size := range [][2]int{{20, 5}, {3, 3}, {1, 1}, {1, 2}, {80, 60}, {40, 8}} {
		u.update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if got := strings.Count(u.View().Content, "\n") + 1; got != size[1] {
			t.Errorf("%v: %d rows", size, got)
		}
	}
	u.types("<esc>")
	u.shows("alice at localhost:9000")
}
