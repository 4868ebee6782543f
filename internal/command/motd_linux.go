package command

import (
	"log/slog"

	"sop-chat/internal/server"
)

var _ [server.MaxMotd]struct{} = [mostMotd]struct{}{}

// setMotd has the server send the message of the day.
func (o *talkOptions) setMotd(s *server.Server) {
	messages, _ := messagesOf(s.Sender().Name, o.motd) // which were checked
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
