package websocket

// A Status is the code in a close frame that says why a WebSocket ends.
type Status uint16

// The codes that the server sends, or has to know, from section 7.4.1.
const (
	NormalClosure   Status = 1000
	ProtocolError   Status = 1002
	UnsupportedData Status = 1003
	NoStatus        Status = 1005 // stands for a close frame without a code
	InvalidPayload  Status = 1007
	MessageTooBig   Status = 1009
)

// maySend reports whether a close frame may contain s. Below 3000 these are the codes
// of section 7.4.1 and those registered with IANA since (1012 to 1014). 1004 is
// reserved; 1005, 1006 and 1015 are for use within a program.
func (s Status) maySend() bool {
	switch {
	case s == 1004, s == 1005, s == 1006:
		return false
	case s >= 1000 && s <= 1014:
		return true
	}
	return s >= 3000 && s <= 4999 // for libraries and applications, section 7.4.2
}
