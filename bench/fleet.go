package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sop-chat/internal/bench"
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
	{name: "2-on-1-away", chat: 2, nats: 1, replicas: 1, always: true, away: 1},
	{name: "nats-1", nats: 1},
	{name: "nats-3", nats: 3},
	{name: "nats-stream-1", nats: 1, replicas: 1, always: true},
	{name: "nats-stream-3", nats: 3, replicas: 3, always: true},
	{name: "nats-stream-3-lazy", nats: 3, replicas: 3},
}

// fleetTimeout is how long a server of a cluster may take to let clients in: NATS chooses
// leaders, and a chat server waits for three seconds for another of its name.
const fleetTimeout = time.Minute

// A fleet is the processes of a setup.
type fleet struct {
	dialect bench.Dialect
	servers []*process // those that have clients
	beside  []*process // the others
	chat    int        // how many of all, in that order, are sop-chat's
	all     []*process
	folder  string // of what NATS stores
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
		at, commands = append(at, one), append(commands, append(words, strconv.Itoa(int(one.Port())), key))
	}
	return f.launch(ctx, at, commands)
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
	load.Dialect = f.dialect
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
