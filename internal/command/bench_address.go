package command

import (
	"net"
	"net/url"
	"strings"

	"sop-chat/internal/bench"
)

// webSocketPath is the path of the page's WebSocket.
const webSocketPath = "/ws"

// webSocketOf parses the address of a WebSocket (ws://) or of the page (http://),
// and returns its HOST:PORT too. If text is not a URL, it returns text and nil.
func webSocketOf(text string) (address string, w *bench.WebSocket, err error) {
	if !strings.Contains(text, "://") {
		return text, nil, nil
	}
	if link, _, found := strings.Cut(text, "#"); found { // the rest may be the key
		return "", nil, usagef("%q is followed by a '#'; leave that out, and what comes after it: the key goes into a file "+
			"(--key-file) or %s", link, keyVariable)
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return "", nil, usagef("%q is not the address of a WebSocket, such as ws://localhost:8080", text)
	}
	path := u.EscapedPath()
	switch u.Scheme {
	case "ws":
		if path == "" || path == "/" {
			path = webSocketPath
		}
	case "http":
		path = path[:strings.LastIndexByte(path, '/')+1] // of what is relative to the page
		path = strings.TrimSuffix(path, "/") + webSocketPath
	case "wss", "https":
		return "", nil, usagef("%q is behind TLS, which would be measured as well; give the address that the proxy before "+
			"the page passes requests on to, such as ws://localhost:8080", text)
	default:
		return "", nil, usagef("%q begins with %s://; the address of a WebSocket begins with ws:// or http://", text, u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), &bench.WebSocket{Host: u.Host, Path: path}, nil
}
