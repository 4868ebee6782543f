package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// shownDraft is the draft on the screen with a bar where the cursor is.
func (u *user) shownDraft() string {
	u.t.Helper()
	at := u.View().Cursor
	lines := strings.Split(sgr.ReplaceAllString(u.View().Content, ""), "\n")
	if at == nil || at.Y >= len(lines) || at.Y >= u.height || at.X >= u.width {
		u.t.Fatalf("the cursor is at %+v, outside of\n%s", at, u.screen())
	}
	line, before := lines[at.Y], 0
	for i := range line + " " {
		if columns(line[:i]) <= at.X {
			before = i
		}
	}
	line += strings.Repeat(" ", max(0, at.X-columns(line)))
	if before == len(line)-1 && columns(line) <= at.X {
		before = len(line)
	}
	lines[at.Y] = line[:before] + "|" + line[before:]
	return strings.Join(lines[u.log.height+min(1, u.height-1):], "\n")
}

// Keys move over and delete what looks like one character.
func TestGraphemeClusters(t *testing.T) {
	for _, c := range []string{"x", "ż", "🇵🇱", "👨‍👩‍👧‍👦", "e\u0301\u0323", "👍🏽", "❤\ufe0f", "각", "日"} {
		for what, keys := range map[string][]string{
			"Backspace":        {"<backspace>"},
			"Left, Delete":     {"<left>", "<delete>"},
			"Left, Ctrl+D":     {"<left>", "<ctrl+d>"},
			"twice left, once": {"<left>", "<left>", "<right>", "<delete>"},
		} {
			u := newUser(t, 80, 24)
			u.update(tea.PasteMsg{Content: "🇩🇪" + c + c})
			u.types(keys...)
			if got := u.input.text(); got != "🇩🇪"+c {
				t.Errorf("%s over %q leaves %q", what, c, got)
			}
		}
	}
	u := newUser(t, 80, 24)
	u.update(tea.PasteMsg{Content: "👨‍👩‍👧‍👦\u200d"}) // the joiner is a part of the cluster
	if u.types("<backspace>"); u.input.text() != "" {
		t.Errorf("%q is left", u.input.text())
	}
	u.update(tea.PasteMsg{Content: "\u0301"})
	u.types("<left>", "e", "<backspace>")
	if u.input.text() != "" {
		t.Errorf("%q is left", u.input.text())
	}
}

// Keys edit as they do in shells.
func TestEditing(t *testing.T) {
	for _, test := range []struct {
		text string
		keys []string
		want string
	}{
		{"two words ", []string{"<ctrl+w>"}, "two |"},
		{"two words", []string{"<alt+left>", "<alt+left>", "<alt+d>"}, "| words"},
		{"two words", []string{"<ctrl+a>", "<alt+right>", "<ctrl+k>"}, "two|"},
		{"two\nlines", []string{"<ctrl+u>"}, "two\n|"},
		{"two\nlines", []string{"<ctrl+u>", "<ctrl+u>"}, "two|"},
		{"two\nlines", []string{"<up>", "<end>", "<ctrl+k>"}, "two|lines"},
		{"two\nlines", []string{"<home>", "<backspace>"}, "two|lines"},
		{"long\na\nlines", []string{"<up>", "<up>"}, "long|\na\nlines"},
		{"long\na\nlines", []string{"<home>", "<right>", "<right>", "<right>", "<up>", "<up>"}, "lon|g\na\nlines"},
		{"", []string{"<backspace>", "<delete>", "<left>", "<right>", "<ctrl+w>", "<ctrl+k>", "<ctrl+u>", "<alt+d>"}, "|"},
	} {
		u := newUser(t, 80, 24)
		u.update(tea.PasteMsg{Content: test.text})
		u.types(test.keys...)
		d := u.input.draft
		if got := d.text[:d.cursor] + "|" + d.text[d.cursor:]; got != test.want {
			t.Errorf("%q, %q: got %q, want %q", test.text, test.keys, got, test.want)
		}
	}
}

// A tab is sent as one, and reaches to where it does in a terminal, in the input and
// in messages.
func TestTabs(t *testing.T) {
	u := newUser(t, 80, 24)
	u.update(tea.PasteMsg{Content: "a\tb\r\nlonger\tc\n日\td"})
	if got, want := u.shownDraft(), "> a   b\n  longer  c\n  日  d|"; got != want {
		t.Errorf("the input is\n%s\nwant\n%s", got, want)
	}
	u.types("<enter>")
	if got, want := u.backend.queued[0], "a\tb\nlonger\tc\n日\td"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	u.shows("alice: a   b\n          longer  c\n          日  d")
}

// However small the screen becomes, the cursor stays in the view at its place in the
// text.
func TestShrinking(t *testing.T) {
	u := newUser(t, 80, 24)
	u.update(tea.PasteMsg{Content: strings.Repeat("a long draft ", 30) + "with\tits end"})
	u.types("<left>", "<left>", "<left>")
	for _, size := range []struct{ width, height int }{
		{80, 24}, {40, 14}, {20, 8}, {40, 3}, {40, 2}, {40, 1}, {12, 3}, {10, 2}, {9, 4}, {200, 60}, {40, 14},
	} {
		u.update(tea.WindowSizeMsg{Width: size.width, Height: size.height})
		if shown := u.shownDraft(); !strings.Contains(shown, " |end") && !strings.Contains(shown, "\n  |end") && !strings.HasPrefix(shown, "  |end") {
			t.Errorf("%v: the input is\n%s", size, shown)
		}
	}
	for width := range 10 {
		for height := range 5 {
			u.update(tea.WindowSizeMsg{Width: width + 1, Height: height + 1})
			u.shownDraft()
			u.types("<up>", "<down>", "<left>", "<right>")
		}
	}
	u.update(tea.WindowSizeMsg{Width: 40, Height: 14})
	if shown := u.shownDraft(); !strings.Contains(shown, " |end") {
		t.Errorf("in the end the input is\n%s", shown)
	}
}

// The rows have all of a text, in order, and fit the width; wherever the cursor is,
// it is in the view.
func FuzzDraft(f *testing.F) {
	f.Add("a long\ttext of words \n\n日本語 👨‍👩‍👧‍👦", 10, 3)
	f.Add("    \t\t\n", 1, 1)
	f.Add("🇵🇱\u0301\u200d🇵", 3, 2)
	f.Add("\u200d👧", 1, 1)
	f.Fuzz(func(t *testing.T, text string, width, maxRows int) {
		if text = harmless(text); !utf8.ValidString(text) || len(text) > 1<<10 {
			return
		}
		width, maxRows = max(1, width%100), max(1, maxRows%10)
		d := draft{editor: editor{text: text, cursor: len(text)}, width: width, maxRows: maxRows, column: -1}
		rows := d.rows()
		space := max(1, width-d.promptWidth())
		at := 0
		for _, r := range rows {
			if r.begin != at && !(r.begin == at+1 && text[at] == '\n') {
				t.Fatalf("row %q begins at %d, and the one before ends at %d", text[r.begin:r.end], r.begin, at)
			}
			shown, taken := d.drawn(text[r.begin:r.end])
			if n, _ := firstCluster(text[r.begin:r.end]); taken > space && n < r.end-r.begin {
				t.Fatalf("%q has %d columns, not %d", shown, taken, space)
			}
			at = r.end
		}
		if at != len(text) {
			t.Fatalf("the rows end at %d of %d", at, len(text))
		}
		for range len(text) + 1 {
			d.resize(width, maxRows)
			if p := d.cursorPosition(); p.Y < 0 || p.Y >= d.height() || p.X < 0 || p.X >= width {
				t.Fatalf("the cursor is at %+v", p)
			}
			if d.cursor == 0 {
				return
			}
			before := d.cursor
			if d.cursor = d.left(); d.cursor >= before {
				t.Fatalf("left of %d is %d", before, d.cursor)
			} else if right := d.right(); right != before {
				t.Fatalf("right of %d is %d, not %d", d.cursor, right, before)
			}
		}
		t.Fatal("left does not reach the beginning")
	})
}

func firstCluster(text string) (n, columns int) {
	if text == "" {
		return 0, 0
	}
	return cluster(text)
}
