package command

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// webSocketPath is the path of the page's WebSocket.
const webSocketPath = "/ws"

// A benchServer is where bench finds a server, and its WebSocket if it is given as a
// URL.
type benchServer struct {
	hostPort
	web           bool
	webHost, path string
}

// readBenchServers reads the addresses of the servers of one cluster, at least one.
func readBenchServers(args []string) ([]benchServer, error) {
	if len(args) == 0 {
		return nil, usagef("HOST:PORT is missing")
	}
	var servers []benchServer
	for i, arg := range args {
		s, err := readBenchServer(arg)
		switch {
		case err != nil && i > 0 && !strings.Contains(arg, ":"): // it may be the key, which is not shown
			return nil, usagef("argument %d is not HOST:PORT, such as localhost:9000 or [::1]:9000; the key goes into a "+
				"file (--key-file) or %s", i+1, keyVariable)
		case err != nil:
			return nil, err
		case s.web != append(servers, s)[0].web:
			return nil, usagef("%q is of another kind than %q; give all servers as HOST:PORT, or all as ws://HOST:PORT", arg, args[0])
		case s.path != append(servers, s)[0].path:
			return nil, usagef("the path of %q is not that of %q; all servers of a cluster have their page at the same path", arg, args[0])
		case slices.ContainsFunc(servers, func(other benchServer) bool { return other.hostPort == s.hostPort }):
			return nil, usagef("%q is given twice", arg)
		}
		servers = append(servers, s)
	}
	return servers, nil
}

// readBenchServer reads HOST:PORT, or the address of a WebSocket (ws://) or of the page
// (http://).
func readBenchServer(text string) (benchServer, error) {
	address, host, path, err := webSocketOf(text)
	if err != nil {
		return benchServer{}, err
	}
	at, err := readHostPort(address)
	return benchServer{hostPort: at, web: path != "", webHost: host, path: path}, err
}

// webSocketOf parses the address of a WebSocket (ws://) or of the page (http://),
// and returns its HOST:PORT, what it is asked for by, and its path. If text is not a URL,
// it returns text alone.
func webSocketOf(text string) (address, host, path string, err error) {
	if !strings.Contains(text, "://") {
		return text, "", "", nil
	}
	if link, _, found := strings.Cut(text, "#"); found { // the rest may be the key
		return "", "", "", usagef("%q is followed by a '#'; leave that out, and what comes after it: the key goes into a file "+
			"(--key-file) or %s", link, keyVariable)
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" {
		return "", "", "", usagef("%q is not the address of a WebSocket, such as ws://localhost:8080", text)
	}
	path = u.EscapedPath()
	switch u.Scheme {
	case "ws":
		if path == "" || path == "/" {
			path = webSocketPath
		}
	case "http":
		path = path[:strings.LastIndexByte(path, '/')+1] // of what is relative to the page
		path = strings.TrimSuffix(path, "/") + webSocketPath
	case "wss", "https":
		return "", "", "", usagef("%q is behind TLS, which would be measured as well; give the address that the proxy before "+
			"the page passes requests on to, such as ws://localhost:8080", text)
	default:
		return "", "", "", usagef("%q begins with %s://; the address of a WebSocket begins with ws:// or http://", text, u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port), u.Host, path, nil
}
