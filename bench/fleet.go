package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sop-chat/internal/bench"
	"sop-chat/internal/wire"
)

// A setup is servers that are put under load together.
type setup struct {
	name string
	// chat and nats are how many servers of sop-chat and of NATS there are; either may be 0.
	chat, nats int
	// away is how many of the chat servers have no clients: they only read.
	away int
	// replicas is how many servers of NATS have the stream; 0: there is none, and NATS
	// only passes on.
	replicas int
	always   bool // its sync_interval
	rooms    int  // of the chat servers; up to 1 is the one that a key alone makes
}

// setups are those that are compared. The first is the reference.
var setups = []setup{
	{name: "alone", chat: 1},
	{name: "1-on-1", chat: 1, nats: 1, replicas: 1, always: true},
	{name: "2-on-1", chat: 2, nats: 1, replicas: 1, always: true},
	{name: "3-on-1", chat: 3, nats: 1, replicas: 1, always: true},
	{name: "3-on-1-lazy", chat: 3, nats: 1, replicas: 1},
	{name: "1-on-3", chat: 1, nats: 3, replicas: 3, always: true},
	{name: "2-on-3", chat: 2, nats: 3, replicas: 3, always: true},
	{name: "3-on-3", chat: 3, nats: 3, replicas: 3, always: true},
	{name: "3-on-3-lazy", chat: 3, nats: 3, replicas: 3},
	{name: "2-on-1-away", chat: 2, nats: 1, replicas: 1, away: 1},
	{name: "nats-1", nats: 1},
	{name: "nats-3", nats: 3},
	{name: "nats-stream-1", nats: 1, replicas: 1, always: true},
	{name: "nats-stream-3", nats: 3, replicas: 3, always: true},
	{name: "nats-stream-3-lazy", nats: 3, replicas: 3},
}

// fleetTimeout is how long a server of a cluster may take to let clients in: NATS chooses
// leaders, and a chat server looks for each of its rooms in the stream.
const fleetTimeout = 5 * time.Minute

// A fleet is the processes of a setup.
type fleet struct {
	dialect bench.Dialect
	rooms   []bench.Hello // if there are several
	servers []*process    // those that have clients
	beside  []*process    // the others
	chat    int           // how many of all, in that order, are sop-chat's
	all     []*process
	opened  time.Duration // how long the chat servers took from listening to letting clients in
	folder  string        // of what they read and store
}

// programs are the binaries that fleets run.
type programs struct{ chat, nats string }

// muster starts the servers of a setup.
func (s *setup) muster(ctx context.Context, binaries programs, folder string) (_ *fleet, err error) {
	f := &fleet{dialect: bench.Chat(key)}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	if f.folder, err = os.MkdirTemp(folder, "fleet-"); err != nil {
		return nil, err
	}
	brokers, err := f.startNATS(ctx, s, binaries.nats)
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	if s.chat == 0 {
		f.servers = brokers
		return f, f.speakNATS(ctx, s)
	}
	chats, err := f.startChat(ctx, s, binaries.chat, brokers)
	if err != nil {
		return nil, fmt.Errorf("sop-chat: %w", err)
	}
	if err := f.waitUntilLetIn(ctx, chats); err != nil {
		return nil, err
	}
	with := s.chat - s.away
	f.servers, f.beside, f.chat = chats[:with], slices.Concat(chats[with:], brokers), s.chat
	return f, nil
}

// startNATS starts the servers of NATS.
func (f *fleet) startNATS(ctx context.Context, s *setup, binary string) ([]*process, error) {
	peers := make([]string, s.nats)
	for i := range peers {
		at, err := freeAddr()
		if err != nil {
			return nil, err
		}
		peers[i] = at.String()
	}
	interval := "2m" // the default of NATS
	if s.always {
		interval = "always"
	}
	var listen []netip.AddrPort
	var commands [][]string
	for i := range peers {
		at, err := freeAddr()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("n%d", i+1)
		words := []string{binary, "--listen", at.String(), "--name", name, "--store", filepath.Join(f.folder, name), "--sync", interval}
		if s.nats > 1 {
			words = append(words, "--routes", peers[i], "--peers", strings.Join(peers, ","))
		}
		listen, commands = append(listen, at), append(commands, words)
	}
	return f.launch(ctx, listen, commands)
}

// startChat starts the servers of sop-chat, each of which begins with another server of
// NATS.
func (f *fleet) startChat(ctx context.Context, s *setup, binary string, brokers []*process) ([]*process, error) {
	last, err := f.makeRooms(s.rooms)
	if err != nil {
		return nil, err
	}
	var at []netip.AddrPort
	var commands [][]string
	for i := range s.chat {
		one, err := freeAddr()
		if err != nil {
			return nil, err
		}
		words := []string{binary, "--max-clients", "0", "--console", "off", "--bind", "127.0.0.1"}
		if len(brokers) > 0 {
			words = append(words, "--cluster", urls(brokers, i), "--cluster-replicas", strconv.Itoa(s.replicas),
				"--cluster-server", fmt.Sprintf("c%d", i+1))
		}
		at, commands = append(at, one), append(commands, slices.Concat(words, last(int(one.Port()))))
	}
	return f.launch(ctx, at, commands)
}

// makeRooms returns the last words of a command that gives its server so many rooms.
func (f *fleet) makeRooms(rooms int) (last func(port int) []string, err error) {
	if rooms <= 1 {
		return func(port int) []string { return []string{strconv.Itoa(port), key} }, nil
	}
	var text strings.Builder
	for i := range rooms {
		one := fmt.Sprintf("%s-%d", key, i)
		fmt.Fprintf(&text, "[[room]]\nname = %q\nkey = %q\n", one, one)
		f.rooms = append(f.rooms, bench.Chat(one).Hello)
	}
	file, err := writeConfig(f.folder, "rooms.toml", text.String())
	return func(port int) []string { return []string{"--rooms", file, strconv.Itoa(port)} }, err
}

// launch starts programs at the same time, and waits until each listens on its address.
func (f *fleet) launch(ctx context.Context, at []netip.AddrPort, commands [][]string) ([]*process, error) {
	started, failures := make([]*process, len(commands)), make([]error, len(commands))
	var all sync.WaitGroup
	for i := range commands {
		all.Go(func() { started[i], failures[i] = launch(ctx, at[i], fleetTimeout, commands[i]) })
	}
	all.Wait()
	for _, p := range started {
		if p != nil {
			f.all = append(f.all, p)
		}
	}
	return started, errors.Join(failures...)
}

// waitUntilLetIn waits until each chat server lets a client in. One that belongs to a cluster
// listens before it has looked for all of its rooms in the stream.
func (f *fleet) waitUntilLetIn(ctx context.Context, chats []*process) error {
	begun := time.Now()
	hello := f.dialect.Hello
	if len(f.rooms) > 0 {
		hello = f.rooms[len(f.rooms)-1]
	}
	var dialer net.Dialer
	for _, p := range chats {
		conn, err := dialer.DialContext(ctx, "tcp", p.addr.String())
		if err != nil {
			return err
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		if err := conn.SetDeadline(begun.Add(fleetTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(hello("first", true)); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, wire.Size)); err != nil {
			return fmt.Errorf("it lets nobody in: %w", err)
		}
	}
	f.opened = time.Since(begun)
	return nil
}

// urls returns where servers of NATS are, from one of them on.
func urls(brokers []*process, from int) string {
	var all []string
	for i := range brokers {
		all = append(all, "nats://"+brokers[(from+i)%len(brokers)].addr.String())
	}
	return strings.Join(all, ",")
}

// config returns a load that is to be put on the fleet.
func (f *fleet) config(load bench.Config) bench.Config {
	load.Dialect, load.Rooms = f.dialect, f.rooms
	for _, p := range f.servers {
		load.Servers = append(load.Servers, bench.Server{Addrs: []netip.AddrPort{p.addr}, PID: p.pid()})
	}
	for _, p := range f.beside {
		load.Beside = append(load.Beside, p.pid())
	}
	return load
}

// stop ends all processes and deletes what they stored.
func (f *fleet) stop() {
	var all sync.WaitGroup
	for _, p := range f.all {
		all.Go(p.stop)
	}
	all.Wait()
	os.RemoveAll(f.folder)
}
