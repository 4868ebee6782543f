package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sop-chat/internal/bench"
)

// A server is one of the compared servers.
type server struct {
	name    string
	version string
	command func(port, other int) []string // other is a second free port
	dialect bench.Dialect
}

// key is the key of all rooms.
const key = "bench"

// errNotThere says that a server is not installed on this machine.
var errNotThere = errors.New("not on this machine")

// A maker builds or finds a server.
type maker struct {
	name string
	make func(ctx context.Context, o options, folder string) (server, error)
}

// The servers by the transport of their clients.
var (
	overTCP        = []maker{{"sop-chat", sopChat}, {"nats", natsServer}, {"redis", redisServer}}
	overWebSockets = []maker{{"sop-chat", sopChat}, {"nats", natsServer}, {"hub", hubServer}}
)

// prepare builds or finds the servers. It reports those that are not installed,
// and leaves them out.
func prepare(ctx context.Context, o options, folder string, stderr io.Writer) ([]server, error) {
	known := overTCP
	if o.web {
		known = overWebSockets
	}
	var servers []server
	for _, k := range known {
		if !o.chosen(k.name) {
			continue
		}
		s, err := k.make(ctx, o, folder)
		if errors.Is(err, errNotThere) {
			fmt.Fprintf(stderr, "%s is left out: %v\n", k.name, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		s.name = k.name
		servers = append(servers, s)
	}
	for _, other := range o.others {
		if o.chosen(other.name) {
			other.dialect = o.chat()
			servers = append(servers, other)
		}
	}
	if !slices.ContainsFunc(servers, func(s server) bool { return s.name == o.reference }) {
		return nil, fmt.Errorf("there is no server %q to compare with (--reference)", o.reference)
	}
	return servers, nil
}

// sopChat is this project's server, built from the checkout.
func sopChat(ctx context.Context, o options, folder string) (server, error) {
	binary := o.sopChat
	if binary == "" {
		binary = filepath.Join(folder, "sop-chat")
		if err := build(ctx, "..", binary, "."); err != nil {
			return server{}, err
		}
	}
	return server{
		version: version(ctx, binary),
		dialect: o.chat(),
		command: func(port, other int) []string {
			words := []string{binary, "--max-clients", "0", "--console", "off", "--bind", "127.0.0.1"}
			if o.web {
				words = append(words, "--web", fmt.Sprintf("127.0.0.1:%d", port))
				port = other
			}
			return append(words, strconv.Itoa(port), key)
		},
	}, nil
}

// chat returns the dialect of servers that speak sop-chat's protocol.
func (o *options) chat() bench.Dialect {
	d := bench.Chat(key)
	if o.web {
		d.WebSocket = &bench.WebSocket{Path: "/ws"}
	}
	return d
}

// build builds a program.
func build(ctx context.Context, folder, binary, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, what)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// version returns the first line of a program's output about its version.
func version(ctx context.Context, binary string) string {
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "version unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// Others are the servers of --server.
type others []server

func (o *others) String() string { return "" }

func (o *others) Set(text string) error {
	name, line, ok := strings.Cut(text, "=")
	words := strings.Fields(line)
	if !ok || name == "" || len(words) == 0 || !strings.Contains(line, "{port}") {
		return errors.New("want 'name=command line with {port} and {key}'")
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return err
	}
	*o = append(*o, server{
		name: name,
		command: func(port, other int) []string {
			fill := strings.NewReplacer("{port}", strconv.Itoa(port), "{other}", strconv.Itoa(other), "{key}", key)
			filled := make([]string, len(words))
			for i, word := range words {
				filled[i] = fill.Replace(word)
			}
			return filled
		},
	})
	return nil
}

// writeConfig writes a configuration file for a server.
func writeConfig(folder, name, text string) (file string, err error) {
	file = filepath.Join(folder, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}
