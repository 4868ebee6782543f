package command

import (
	"fmt"
	"io"
)

// hidesKeys reports whether the console hides the keys that clients give.
func (o *serveOptions) hidesKeys() bool {
	return o.consoleKeys == "hide" || o.consoleKeys == "auto" && o.masksKeys() != ""
}

// masksKeys returns the flag because of which keys are hidden unless --console-keys says
// otherwise, "" if there is none: a server with one of these is for more than the
// exercise, which has the console show them.
func (o *serveOptions) masksKeys() (flag string) {
	switch {
	case o.web.at.port != 0:
		return "--web"
	case o.hasPersonalKeys():
		return "--keys"
	case o.tls.at.port != 0:
		return "--tls"
	}
	return ""
}

// linkHidesKey reports whether the link of --web comes without the key. Unless
// --console-keys decides, whoever sees it on the terminal has given the key, and sends
// it to others; in a file or a journal it would stay.
func (o *serveOptions) linkHidesKey(p Process) bool {
	return o.consoleKeys == "hide" || o.consoleKeys == "auto" && !p.errIsTerminal
}

// announceHiddenKeys says that the console hides keys, if nobody has asked for that.
func (o *serveOptions) announceHiddenKeys(out io.Writer) {
	if o.consoleKeys == "auto" && o.hidesKeys() && o.console != "off" {
		fmt.Fprintf(out, "sop-chat: the console hides the keys that clients give, because of %s; --console-keys show shows them\n", o.masksKeys())
	}
}
