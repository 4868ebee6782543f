package websocket

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// The headers of the opening handshake, section 11.3, as http.Header spells them.
const (
	headerUpgrade    = "Upgrade"
	headerConnection = "Connection"
	headerVersion    = "Sec-Websocket-Version"
	headerKey        = "Sec-Websocket-Key"
	headerProtocol   = "Sec-Websocket-Protocol"
)

// Version is the version of the protocol, for the header Sec-WebSocket-Version.
const Version = "13"

// A HandshakeError says why a request does not open a WebSocket.
type HandshakeError struct {
	// Status is the HTTP status of the answer. If it is 426, the answer has to have
	// the headers Upgrade and Sec-WebSocket-Version (section 4.2.2).
	Status int
	reason string
}

func (e *HandshakeError) Error() string { return e.reason }

const (
	badRequest      = 400
	upgradeRequired = 426
)

// CheckUpgrade checks the header of a request to open a WebSocket, an http.Header
// (section 4.2.1). It returns the value of Sec-WebSocket-Accept for the answer (section
// 4.2.2). The request has to be a GET of HTTP/1.1 or later, and its origin one that may
// connect, which is for the caller to check. The error is a *HandshakeError.
func CheckUpgrade(header map[string][]string) (accept string, err error) {
	if !slices.ContainsFunc(tokens(header[headerConnection]), equals("upgrade")) {
		return "", refuse(upgradeRequired, "the header Connection is %q; a WebSocket needs Upgrade", header[headerConnection])
	}
	if !slices.ContainsFunc(tokens(header[headerUpgrade]), equals("websocket")) {
		return "", refuse(upgradeRequired, "the header Upgrade is %q; a WebSocket needs websocket", header[headerUpgrade])
	}
	if versions := header[headerVersion]; len(versions) != 1 || strings.TrimSpace(versions[0]) != Version {
		return "", refuse(upgradeRequired, "the header Sec-WebSocket-Version is %q; only %s is known", versions, Version)
	}
	keys := header[headerKey]
	if len(keys) != 1 {
		return "", refuse(badRequest, "there are %d headers Sec-WebSocket-Key; a WebSocket needs one", len(keys))
	}
	key := strings.TrimSpace(keys[0])
	if nonce, err := base64.StdEncoding.DecodeString(key); err != nil || len(nonce) != 16 {
		return "", refuse(badRequest, "the header Sec-WebSocket-Key is %q; a WebSocket needs 16 bytes in base64", key)
	}
	return AcceptKey(key), nil
}

func refuse(status int, format string, args ...any) error {
	return &HandshakeError{status, fmt.Sprintf(format, args...)}
}

// AcceptKey returns the answer to a client's key, section 4.2.2.
func AcceptKey(key string) string {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// SelectSubprotocol returns the first of the supported subprotocols that a request
// asks for, or "" if it asks for none of them. The header is an http.Header.
func SelectSubprotocol(header map[string][]string, supported ...string) string {
	asked := tokens(header[headerProtocol])
	for _, protocol := range supported {
		if slices.Contains(asked, protocol) {
			return protocol
		}
	}
	return ""
}

// tokens returns the elements of a header that is a list and may be repeated.
func tokens(values []string) []string {
	var all []string
	for _, value := range values {
		for token := range strings.SplitSeq(value, ",") {
			all = append(all, strings.TrimSpace(token))
		}
	}
	return all
}

func equals(want string) func(string) bool {
	return func(token string) bool { return strings.EqualFold(token, want) }
}
