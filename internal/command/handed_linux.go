package command

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"sop-chat/internal/cluster"
	"sop-chat/internal/console"
	"sop-chat/internal/handover"
	"sop-chat/internal/history"
	"sop-chat/internal/server"
	"sop-chat/internal/systemd"
	"sop-chat/internal/terminal"
)

// leftName is the name of what belongs to this package in a handover.State.
const leftName = "command"

// left is what a server leaves to the program that takes its place, besides what its loops
// and ports have. The next one may be of another version: fields that it does not know are
// ignored, and those that are missing are zero.
type left struct {
	Path     string          `json:"path"`      // of the program
	Since    int64           `json:"since"`     // when the loops stopped, in nanoseconds since 1970
	Terminal bool            `json:"terminal"`  // the process belonged to one, see untilHangup
	NoHangup bool            `json:"no_hangup"` // SIGHUP was ignored from the beginning
	Fixed    []fixedOption   `json:"fixed"`     // that can't change
	Admin    leftSocket      `json:"admin"`
	Mentions leftMentions    `json:"mentions,omitempty"` // that were not posted yet
	Line     terminal.Draft  `json:"line,omitzero"`
	History  *history.Former `json:"history,omitempty"`
	Console  console.Former  `json:"console"`
	Rekeyed  []rekeyedRoom   `json:"rekeyed,omitempty"`
	Cluster  *cluster.State  `json:"cluster,omitempty"`
	Bans     []cluster.Ban   `json:"bans,omitempty"` // that NATS has yet to be told
}

// A fixedOption is one that takes a restart to change.
type fixedOption struct{ Flag, Value string }

// fixed returns the options that can't change when the server is replaced. The files, the
// environment and the program may be others by then.
func (o *serveOptions) fixed() []fixedOption {
	port := strconv.Itoa(int(o.port))
	if o.tls.noPlain {
		port = ""
	}
	address := func(a webAddress) string {
		if a.port == 0 {
			return ""
		}
		return net.JoinHostPort(a.host, strconv.Itoa(int(a.port)))
	}
	cluster := "" // the addresses of NATS may be others
	if o.cluster.isOn() {
		cluster = o.cluster.server + " of " + o.cluster.name
	}
	return []fixedOption{
		{"PORT", port},
		{"--bind", o.bind},
		{"--history", o.history},
		{"--tls", address(o.tls.at)},
		{"--web", address(o.web.at)},
		{"--acme-http", address(o.certs.http.webAddress)},
		{"--metrics", address(o.metrics.at)},
		{"--admin", o.admin},
		{"--cluster", cluster},
	}
}

// A changedOption is a fixedOption with another value than before.
type changedOption struct{ Flag, Was, Now string }

// changed returns which options have changed.
func (o *serveOptions) changed(before []fixedOption) (all []changedOption) {
	for _, now := range o.fixed() {
		for _, was := range before {
			if now.Flag == was.Flag && now.Value != was.Value {
				all = append(all, changedOption{now.Flag, was.Value, now.Value})
			}
		}
	}
	return all
}

// checkFixed returns an error if an option has changed that can't.
func (o *serveOptions) checkFixed(before []fixedOption) error {
	for _, c := range o.changed(before) {
		return fmt.Errorf("%s is %q now, and was %q; that takes a restart", c.Flag, c.Now, c.Was)
	}
	return nil
}

// A handed is what a process is told by the variable of handoverVariable: the descriptor of
// the file with the state, and whether another upgrade was asked for meanwhile.
type handed struct {
	file  int
	again bool
}

// againSuffix says that another upgrade was asked for.
const againSuffix = "+"

func (h handed) String() string {
	text := strconv.Itoa(h.file)
	if h.again {
		text += againSuffix
	}
	return text
}

// parseHanded parses what String returns.
func parseHanded(text string) (h handed, err error) {
	number, again := strings.CutSuffix(text, againSuffix)
	h.again = again
	if h.file, err = strconv.Atoi(number); err != nil || h.file <= 0 {
		return h, fmt.Errorf("%s is %q, and is only to be set by a server that is replaced", handoverVariable, text)
	}
	return h, nil
}

// An inheritance is what a process has from the one whose place it takes.
type inheritance struct {
	left
	state   *handover.State
	again   bool // another upgrade was asked for meanwhile
	stateFD int  // of the file with the state, if it comes from another process by way of the service manager
}

// managerSockets are those that the service manager has opened.
type managerSockets []systemd.Socket

// inherit takes what the program has left whose place this one takes, or the process before,
// if there was one, and the sockets of the service manager.
func (p *Process) inherit(o *serveOptions, logger *slog.Logger) error {
	if p.Handover == "" {
		p.ignoresHangup = signal.Ignored(syscall.SIGHUP)
		all, err := systemd.Sockets(p.LookupEnv)
		if err != nil {
			return fmt.Errorf("the sockets of systemd: %w", err)
		}
		p.sockets = p.takeStored(o, all, logger)
		return nil
	}
	h, err := parseHanded(p.Handover)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(h.file), "state")
	defer file.Close()
	i, err := readInheritance(file)
	if err != nil {
		return err
	}
	i.again = h.again
	i.state.Descriptors(func(fd int) int {
		unix.CloseOnExec(fd)
		return fd
	})
	p.inherited, p.hadTerminal, p.ignoresHangup = i, i.Terminal, i.NoHangup
	if i.Path != "" {
		p.Program.Path = i.Path
	}
	return nil
}

// readInheritance reads the state that is in a file.
func readInheritance(file *os.File) (*inheritance, error) {
	about, err := file.Stat()
	if err != nil {
		return nil, err
	}
	content := make([]byte, about.Size())
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, about.Size()), content); err != nil {
		return nil, fmt.Errorf("the server's state can't be read: %w", err)
	}
	i := new(inheritance)
	if i.state, err = handover.Decode(content); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(i.state.Others[leftName], &i.left); err != nil {
		return nil, fmt.Errorf("the server's state is damaged: %w", err)
	}
	return i, nil
}

// sockets returns the listeners that were passed on, besides those of the loops.
func (i *inheritance) sockets() (all []systemd.Socket) {
	for _, l := range i.state.Listeners {
		if l.Name != handover.Server {
			all = append(all, systemd.Socket{Name: l.Name, FD: l.FD})
		}
	}
	return all
}

// history returns what the history before has left; nil if there was none.
func (i *inheritance) history() *history.Former {
	if i == nil {
		return nil
	}
	return i.History
}

// console returns what the console before has left.
func (i *inheritance) console() console.Former {
	if i == nil {
		return console.Former{}
	}
	return i.Console
}

// cluster returns what the link with the cluster has left; nil if there was none.
func (i *inheritance) cluster() *cluster.State {
	if i == nil {
		return nil
	}
	return i.Cluster
}

// bans returns what NATS has yet to be told of bans.
func (i *inheritance) bans() []cluster.Ban {
	if i == nil {
		return nil
	}
	return i.Bans
}

// mentions returns those that have yet to be posted.
func (i *inheritance) mentions() leftMentions {
	if i == nil {
		return nil
	}
	return i.Mentions
}

// log logs that the server goes on.
func (i *inheritance) log(b Build, logger *slog.Logger) {
	what := "the server goes on in another program"
	if i.isStored() {
		what = "the server goes on in another process"
	}
	logger.Info(what, "program", i.Path, "version", b.recorded().String(), "before", i.state.Program,
		"paused", time.Since(time.Unix(0, i.Since)).Round(time.Millisecond), "clients", len(i.state.Members))
}

// server returns the server that was passed on, or a new one.
func (i *inheritance) server(c server.Config) (*server.Server, error) {
	if i == nil {
		return server.New(c)
	}
	return server.Restore(c, i.state)
}
