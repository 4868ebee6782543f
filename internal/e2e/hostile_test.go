package e2e

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile has texts that would act on a terminal or forge a line, if they were
// printed unchanged.
var hostile = []string{
	"\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1bc", "\x1b[31m", "\x1bP1$r\x1b\\", // escape sequences
	"hi\nmallory: forged", "hi\r\nmallory: forged", "hi\rmallory: forged", // lines
	"hi\u0085mallory: forged", "hi\u2028mallory: forged", "hi\u2029mallory: forged", "hi\vm", "hi\fm",
	"\a\b\t\x01\x7f\x1f\x0e",                              // C0 and DEL
	"\u009b31m", "\u009d0;title\u009c", "\x9b31m", "\x90", // C1, in UTF-8 and bare
	"abc\u202edef\u202c", "\u2066x\u2069", "\u200f\u200e\u061c", // directions
	"\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", // not UTF-8
	"\ufeffhi", "\\x1b[2J", "{\"event\":\"join\"}",
}

// No name, key or text of a client, with the right key or without, reaches stdout
// or stderr in a form that acts on a terminal or looks like another line.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, console := range []string{"text", "json"} {
		t.Run(console, func(t *testing.T) {
			srv := start(t, "--console", console, "--max-clients", "0", "--log-level", "debug")
			observer := join(t, srv, "observer")
			for i, s := range hostile {
				refused := connect(t, srv)
				refused.send(message(s, s))
				refused.expectClosed()
				a := join(t, srv, s)
				observer.expect(a.say(s))
				anonymous := message(fmt.Sprint(s, i), s+s)
				a.send(anonymous)
				observer.expect(anonymous)
				a.Write([]byte(s))
				a.halfClose()
				a.expectClosed()
			}
			observer.say("the end")
			srv.stdout.waitForLine(t, "the end")
			expectHarmless(t, "stdout", srv.stdout.String())
			expectHarmless(t, "stderr", srv.stderr.String())
			for _, line := range append(srv.stdout.lines(), srv.stderr.lines()...) {
				if strings.HasPrefix(strings.TrimSpace(line), "mallory") {
					t.Errorf("a line is forged: %q", line)
				}
			}
		})
	}
}

// The same on a terminal, where it matters most: there the only escape
// sequences are the server's own colours.
func TestHostileTextOnTerminal(t *testing.T) {
	t.Parallel()
	srv := startOnTerminal(t, nil)
	a := join(t, srv, "a")
	for _, s := range hostile {
		a.send(message(s, s))
	}
	a.say("the end")
	srv.stdout.waitForLine(t, "the end")
	printed := colour.ReplaceAllString(srv.stdout.String(), "")
	expectHarmless(t, "the terminal", strings.ReplaceAll(printed, "\r\n", "\n"))
}

// expectHarmless checks that an output consists of text and line ends.
func expectHarmless(t testing.TB, what, printed string) {
	t.Helper()
	if !utf8.ValidString(printed) {
		t.Errorf("%s is not UTF-8", what)
	}
	for i, r := range printed {
		switch {
		case r == '\n':
		case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp):
			t.Errorf("%s contains %U: %q", what, r, excerptAt(printed, i))
		}
	}
}

func excerptAt(s string, i int) string { return s[max(0, i-40):min(len(s), i+40)] }
