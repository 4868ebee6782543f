//go:build linux

package secure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// inWords says why a handshake failed.
func inWords(err error, timeout time.Duration) string {
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		what := "does not speak TLS"
		if isHTTP(header.RecordHeader) {
			what += ", but HTTP"
		}
		return what
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Sprintf("not complete within %v", timeout)
	}
	return err.Error()
}

// isHTTP reports whether what came in place of a TLS record looks like a request.
func isHTTP(header [5]byte) bool {
	switch string(header[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		return true
	}
	return false
}

// answerPlain answers a request that is not over TLS.
func answerPlain(c *conn) {
	io.WriteString(c.Conn, "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+
		"This port speaks https: begin the link with https://\n")
	c.CloseWrite()
	c.SetReadDeadline(time.Now().Add(lingerTimeout))
	const most = 64 << 10
	io.Copy(io.Discard, io.LimitReader(c.Conn, most)) // or what is unread would have the answer be lost
}
