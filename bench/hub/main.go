// Hub is a chat server as textbooks write it, to compare others with: a
// goroutine that knows all clients, and for each of them a WebSocket, a channel
// and two goroutines. It speaks sop-chat's protocol as far as a load needs it:
// messages of 512 bytes, the first of which has the key and is echoed, each in a
// frame of its own.
//
// Unlike the one of most textbooks it loses nothing: a client whose channel is
// full is waited for.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("a hub on", library())
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: hub HOST:PORT KEY")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "hub:", http.ListenAndServe(os.Args[1], newHub(os.Args[2])))
	os.Exit(1)
}

// library returns the WebSocket library's name and version.
func library() string {
	const path = "github.com/coder/websocket"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return "coder/websocket " + m.Version
			}
		}
	}
	return "coder/websocket"
}
