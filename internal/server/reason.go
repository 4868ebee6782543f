//go:build linux

package server

import "sop-chat/internal/origin"

// A reason is the kind of a cause, for counting: there are few, and none has a name, an
// address or an error in it. A cause that says none counts as other.
type reason uint8

const (
	otherReason reason = iota
	clientClosed
	incompleteMessage
	callFailed
	protocolViolation
	badProxyHeader
	noPong
	tooSlow
	replacedByClient
	wrongKeyGiven
	keyUnchecked
	unexpectedTLS
	roomIsFull
	nameIsTaken
	roomIsBehind
	tooLate
	evicted
	addressDenied
	addressBanned
	addressTooFrequent
	keyRevoked
	keyChanged
	roomClosed
	kickedByOperator
	serverDraining
	serverShutdown
	serverRestart
	reasonCount
)

// reasonNames are the reasons as operators know them; docs/metrics.md explains them.
var reasonNames = [reasonCount]string{
	otherReason:        "other",
	clientClosed:       "client_closed",
	incompleteMessage:  "incomplete_message",
	callFailed:         "connection_failed",
	protocolViolation:  "protocol_violation",
	badProxyHeader:     "proxy_header",
	noPong:             "no_pong",
	tooSlow:            "too_slow",
	replacedByClient:   "replaced",
	wrongKeyGiven:      "wrong_key",
	keyUnchecked:       "key_unchecked",
	unexpectedTLS:      "unexpected_tls",
	roomIsFull:         "room_full",
	nameIsTaken:        "name_taken",
	roomIsBehind:       "room_behind",
	tooLate:            "authentication_timeout",
	evicted:            "evicted",
	addressDenied:      "address_denied",
	addressBanned:      "address_banned",
	addressTooFrequent: "address_too_frequent",
	keyRevoked:         "key_revoked",
	keyChanged:         "key_changed",
	roomClosed:         "room_closed",
	kickedByOperator:   "kicked",
	serverDraining:     "draining",
	serverShutdown:     "shutdown",
	serverRestart:      "restart",
}

func (r reason) String() string { return reasonNames[r] }

// refusals are the reasons for which a client that has given its name and a key is
// refused.
var refusals = [...]reason{wrongKeyGiven, keyUnchecked, unexpectedTLS, roomIsFull, nameIsTaken, serverDraining}

// reasonOrigin is the reason for which a connection is closed because of its origin.
func reasonOrigin(v origin.Verdict) reason {
	switch v {
	case origin.Banned:
		return addressBanned
	case origin.TooFrequent:
		return addressTooFrequent
	}
	return addressDenied
}
