package websocket

// A Status is the status code of a close frame, which says why a WebSocket ends.
type Status uint16

// The status codes that the server sends or has to know, section 7.4.1.
const (
	NormalClosure   Status = 1000
	GoingAway       Status = 1001
	ProtocolError   Status = 1002
	UnsupportedData Status = 1003
	NoStatus        Status = 1005 // stands for the lack of one, and is not sent
	InvalidPayload  Status = 1007
	MessageTooBig   Status = 1009
	ServiceRestart  Status = 1012 // registered with IANA: the client may come back soon
	TryAgainLater   Status = 1013 // registered with IANA
)

// maySend reports whether a close frame may have the status s. The codes below 3000
// are those of section 7.4.1 and those that IANA has registered since, 1012 to 1014.
// 1004 is reserved, and 1005, 1006 and 1015 must not be sent. Those from 3000 to 4999
// are for libraries and applications (section 7.4.2).
func (s Status) maySend() bool {
	switch s {
	case 1004, NoStatus, 1006:
		return false
	}
	return s >= 1000 && s <= 1014 || s >= 3000 && s <= 4999
}
