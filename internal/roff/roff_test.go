package roff

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sop-chat/internal/testenv"
)

// Texts are escaped, lines are short, and each sentence begins one.
func TestPage(t *testing.T) {
	p := NewPage("chat-list", 1, "2026-11-27", `chat "1.2"`, "")
	p.Name("chat-list", "lists it")
	p.Section("DESCRIPTION")
	p.Paragraph(Plain(".profile and 'key' (or not). A \\x1b, ~, ^ and `ls`\nof bob–alice.") + " " + Bold("--all") + Plain("! Last"))
	p.Paragraph(Plain(strings.Repeat("0123456789 ", 10)))
	p.Item(Bold("-f")+", "+Italic("FILE")+"...", "It... Or not.")
	want := `.TH "CHAT\-LIST" 1 "2026-11-27" "chat \(dq1.2\(dq" ""
.nh
.ad l
.SH "NAME"
chat\-list \- lists it
.SH "DESCRIPTION"
\&.profile and \(aqkey\(aq (or not).
A \ex1b, \(ti, \(ha and \(gals\(ga of bob\[u2013]alice.
\fB\-\-all\fR!
Last
.PP
0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789
0123456789 0123456789 0123456789
.TP
\fB\-f\fR, \fIFILE\fR...
It... Or not.
`
	if got := string(p.Bytes()); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// What groff shows is the text that was given, whatever it is.
func TestShown(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		testenv.Lacks(t, "groff")
	}
	const text = `.so /etc/passwd 'br \fB \n(.g "quoted" --flag a-b ~ ^ ' " ` + "`code`" + ` .\" é → $HOME #1 %s 100%`
	p := NewPage("shown", 1, "2026-11-27", "", "")
	p.Section("DESCRIPTION")
	p.Paragraph(Plain(text))
	for word := range strings.FieldsSeq(text) { // each at the beginning of a line
		p.Paragraph(Plain(word))
	}
	file := filepath.Join(t.TempDir(), "shown.1")
	if err := os.WriteFile(file, p.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=200n", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shown := regexp.MustCompile(`\s+`).ReplaceAllString(string(out), " ")
	if want := strings.Join(strings.Fields(text+" "+text), " "); !strings.Contains(shown, want) {
		t.Errorf("groff shows %s\nwant %s", shown, want)
	}
}
