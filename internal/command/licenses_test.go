package command

import "testing"

// The licenses are shown unchanged, and an argument is an error.
func TestLicenses(t *testing.T) {
	p := process([]string{"licenses"})
	p.Licenses = "a license\n\nand \x1b another\n"
	if status, stdout, stderr := result(t, p); status != 0 || stdout != p.Licenses || stderr != "" {
		t.Errorf("status %d, standard output %q, standard error %q", status, stdout, stderr)
	}
	status, _, stderr := result(t, process([]string{"licenses", "mit"}))
	if want := "sop-chat: licenses takes no arguments; leave \"mit\" out\nTry 'sop-chat licenses --help'.\n"; status != 2 || stderr != want {
		t.Errorf("status %d:\n%swant:\n%s", status, stderr, want)
	}
}
