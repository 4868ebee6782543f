package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// extension is that of sockets, which are named with their server's port.
const extension = ".sock"

// systemFolder is where servers of the system have their sockets, if it is there.
const systemFolder = "/run/sop-chat"

// A Lookup returns a variable of the environment; "" if it is not set.
type Lookup func(variable string) string

// runtimeFolder returns the folder of the user's sockets; "" if the system has none.
func (get Lookup) runtimeFolder() string {
	if folder := get("XDG_RUNTIME_DIR"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "sop-chat")
	}
	return ""
}

// Place returns where a server with a port has its socket by itself, and makes the folder.
// It returns "" if there is no folder that is private to the user or made for servers.
func (get Lookup) Place(port uint16) string {
	folder, _, _ := strings.Cut(get("RUNTIME_DIRECTORY"), ":") // of systemd
	if folder == "" {
		if folder = get.runtimeFolder(); folder != "" && os.MkdirAll(folder, 0o700) != nil {
			folder = ""
		}
	}
	if folder == "" {
		folder = systemFolder
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return ""
	}
	return filepath.Join(folder, fmt.Sprint(port, extension))
}

// folders returns where there may be sockets.
func (get Lookup) folders() []string {
	folders := []string{systemFolder}
	if own := get.runtimeFolder(); own != "" {
		folders = append([]string{own}, folders...)
	}
	if os.Geteuid() == 0 {
		others, _ := filepath.Glob("/run/user/*/sop-chat") // fails for a bad pattern only
		folders = append(folders, others...)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// Find returns the socket of the server that runs, or of the one with a port, unless that is
// "". If there is none, or more than one, the error says what to do.
func (get Lookup) Find(port string) (string, error) {
	folders := get.folders()
	var alive, forbidden []string
	for _, folder := range folders {
		pattern := "*" + extension
		if port != "" {
			pattern = port + extension
		}
		paths, _ := filepath.Glob(filepath.Join(folder, pattern))
		for _, path := range paths {
			conn, err := net.DialTimeout("unix", path, time.Second)
			switch {
			case err == nil:
				conn.Close()
				alive = append(alive, path)
			case errors.Is(err, fs.ErrPermission):
				forbidden = append(forbidden, path)
			}
		}
	}
	which := "server"
	if port != "" {
		which = "server with port " + port
	}
	switch {
	case len(alive) == 1:
		return alive[0], nil
	case len(alive) > 1:
		return "", fmt.Errorf("%d servers run; --socket says which: %s", len(alive), strings.Join(alive, ", "))
	case len(forbidden) > 0:
		return "", fmt.Errorf("%s is that of another user's server; sudo may help", strings.Join(forbidden, ", "))
	}
	return "", fmt.Errorf("no %s can be administered: there is no socket in %s; start the server with --admin PATH, and give --socket PATH here",
		which, strings.Join(folders, ", "))
}
