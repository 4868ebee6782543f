package certs

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"golang.org/x/net/netutil"
)

const (
	// challengeConns is how many connections may be open at a time to where a CA
	// looks for answers over HTTP. Anybody can open them.
	challengeConns = 256
	// challengeTimeout is how long each of them may take.
	challengeTimeout = 5 * time.Second
)

// serveChallenges answers a CA over HTTP (HTTP-01) until ctx is done. All other
// requests are not found.
func (s *ACMESource) serveChallenges(ctx context.Context) {
	server := &http.Server{
		Handler:        http.HandlerFunc(s.answer),
		ReadTimeout:    challengeTimeout,
		WriteTimeout:   challengeTimeout,
		MaxHeaderBytes: 8 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // whatever strangers send
	}
	server.SetKeepAlivesEnabled(false)
	end := context.AfterFunc(ctx, func() { server.Close() })
	defer end()
	if err := server.Serve(netutil.LimitListener(s.http, challengeConns)); ctx.Err() == nil {
		s.logger.Error("a CA is not answered over HTTP any more", "error", err)
	}
}

func (s *ACMESource) answer(w http.ResponseWriter, r *http.Request) {
	// certmagic alone would look into its folder for whatever somebody asks.
	if _, open := certmagic.GetACMEChallenge(r.Host); open && s.issuer.HandleHTTPChallenge(w, r) {
		return
	}
	http.Error(w, "there is nothing here but answers to certificate authorities", http.StatusNotFound)
}

// A placeholder is an address that is in use. certmagic listens for the CA by itself
// unless the address at which it would do that is; then it relies on what is there. The
// CA is answered where this server listens already, so this is a place where nobody is.
type placeholder struct {
	net.Listener
	accepting sync.WaitGroup
}

func newPlaceholder() (*placeholder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &placeholder{Listener: l}
	p.accepting.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close() // certmagic has seen that the address is in use
		}
	})
	return p, nil
}

func (p *placeholder) port() int { return p.Addr().(*net.TCPAddr).Port }

func (p *placeholder) close() {
	p.Close()
	p.accepting.Wait()
}
