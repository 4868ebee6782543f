package command

// notifySocket returns the socket by which systemd is told how the server is, "" if it did
// not start it.
func notifySocket(p Process) string {
	socket, _ := p.LookupEnv("NOTIFY_SOCKET")
	return socket
}
