package command

import (
	"errors"
	"io/fs"

	"github.com/spf13/pflag"

	"sop-chat/internal/keys"
)

// webhookOptions say which programs may have something said by HTTP.
type webhookOptions struct {
	file    string
	lines   []keys.Line  // of the file
	version keys.Version // of the file
}

func (w *webhookOptions) defineFlags(flags *pflag.FlagSet) {
	define(flags, &w.file, "webhooks", "FILE", "", anyText,
		`Lets programs post messages to /api/messages of --web, by keys of a file like that of --keys: each line has `+
			`a label, a room and a hash. The label is the name that messages have. It is read again when it changes, and at SIGHUP.`)
}

// check reads the file.
func (w *webhookOptions) check(o *serveOptions) error {
	switch {
	case w.file == "":
		return nil
	case o.web.at.port == 0:
		return usagef("--webhooks is about what programs post to the page's address, and there is none without --web")
	}
	var err error
	w.lines, w.version, err = readKeysFile(w.file, roomNamesOf(o.allRooms()))
	if _, unreadable := errors.AsType[*fs.PathError](err); err != nil && !unreadable {
		return usageError(err.Error())
	}
	return err
}
