package command

import (
	"log/slog"

	"sop-chat/internal/server"
	"sop-chat/internal/wire"
)

var _ [server.MaxMotd]struct{} = [mostMotd]struct{}{}

// setMotd has the server send the message of the day.
func (o *talkOptions) setMotd(s *server.Server) {
	var messages []wire.Message
	for _, text := range o.motd {
		m, _ := wire.New(s.Sender().Name, text) // both fit
		messages = append(messages, m)
	}
	s.SetMotd(messages...)
}

// reloadMotd returns the step that reads the message of the day again.
func (o *talkOptions) reloadMotd(s *server.Server, logger *slog.Logger) reloadStep {
	if o.motdFile == "" {
		return nil
	}
	return func() []*reloadError {
		texts, err := o.readMotd()
		if err != nil {
			return []*reloadError{{what: "the message of the day stays as it is", err: err}}
		}
		o.motd = texts
		o.setMotd(s)
		logger.Info("the message of the day has been read again", "messages", len(texts))
		return nil
	}
}
