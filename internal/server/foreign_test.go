//go:build linux

package server_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"sop-chat/internal/chattest"
	"sop-chat/internal/server"
)

// A TLS client that connects to the plain port is closed, and the log says what it speaks.
func TestTLSToPlainPort(t *testing.T) {
	var log logged
	s := chattest.Start(t, server.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := s.Connect(t)
	if err := tls.Client(c, &tls.Config{ServerName: strings.Repeat("long.", 40) + "example"}).Handshake(); err == nil {
		t.Fatal("the handshake is complete")
	}
	s.Stop(t)
	if !strings.Contains(log.String(), "speaks TLS, and this port does not") {
		t.Errorf("logged: %s", log.String())
	}
}

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
