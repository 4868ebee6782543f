package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"sop-chat/internal/admin"
	"sop-chat/internal/console"
	"sop-chat/internal/server"
	"sop-chat/internal/terminal"
)

// A commandLine is where the commands of operators are typed at the server's terminal, below
// what the console and the log print there. A nil one does nothing.
type commandLine struct {
	prompt   *terminal.Prompt
	tty      *os.File
	operator *operator // nil before the server serves

	mu     sync.Mutex
	former *unix.Termios // the terminal's mode before ours; nil when that has been restored
	taken  bool          // the terminal has our mode
	left   bool          // another program is about to have the terminal
	held   chan struct{} // closed when what is typed is read again; nil if it is
}

// newCommandLine returns the command line of --commands, if the server has a terminal for it,
// and has all that is written there be written through it.
func newCommandLine(o serveOptions, p *Process) *commandLine {
	tty, _ := p.Stdin.(*os.File)
	if !o.commands || o.console != "text" || o.logFormat != textLog || !isTerminal(p.Stdin) || !isTerminal(p.Stdout) || !obeysSequences(*p) {
		return nil
	}
	c := &commandLine{tty: tty}
	c.prompt = terminal.NewPrompt(p.Stdout, c.complete)
	if p.inherited != nil {
		c.prompt.GoOn(p.inherited.Line)
	}
	p.screen = c.prompt
	if spool, ok := p.Stderr.(*spool); ok && p.errIsTerminal {
		spool.redirect(c.prompt)
	}
	return c
}

// start begins to take commands. stop gives the terminal back; the end of ctx does, too.
func (c *commandLine) start(ctx context.Context, a *operator) (stop func()) {
	if c == nil {
		return func() {}
	}
	c.operator = a
	signal.Ignore(syscall.SIGTTIN) // or reading in the background would stop the server
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGWINCH)
	ctx, cancel := context.WithCancel(ctx)
	keys := newKeyboard(c.tty)
	go keys.watch(ctx) // which may wait for a key until the process ends
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer signal.Stop(signals)
		defer c.give()
		c.run(ctx, keys, signals)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(stdoutTimeout): // nobody reads the terminal, such as after Ctrl+S
			c.restore()
		}
	}
}

// backgroundPause is how often a server that is in the background of its terminal looks
// whether it still is.
const backgroundPause = time.Second

// run handles keys and signals until ctx is done.
func (c *commandLine) run(ctx context.Context, keys *keyboard, signals <-chan os.Signal) {
	hasKeys := false
	for {
		c.take()
		var again <-chan time.Time
		if !c.isTaken() {
			again = time.After(backgroundPause)
		}
		held, typed := c.isHeld(), keys.typed
		if hasKeys {
			typed = nil
		}
		if hasKeys && held == nil {
			hasKeys = false
			for _, line := range c.prompt.Type(keys.read(c.isInForeground)) {
				c.do(ctx, line)
			}
			continue
		}
		select {
		case <-typed:
			hasKeys = true
		case <-held:
		case s := <-signals:
			switch s {
			case syscall.SIGTSTP:
				c.suspend(ctx, signals)
			case syscall.SIGWINCH:
				c.show()
			default: // another may have changed the mode meanwhile
				c.forgetMode()
			}
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// suspend stops the process, with all that belong to its job, as Ctrl+Z is to do, until it
// is continued.
func (c *commandLine) suspend(ctx context.Context, signals <-chan os.Signal) {
	if session, err := unix.Getsid(0); err != nil || session == unix.Getpgrp() {
		return // no shell would take over
	}
	c.give()
	if unix.Kill(0, unix.SIGSTOP) != nil {
		return
	}
	for { // it may take a moment until all threads have stopped
		select {
		case s := <-signals:
			if s == syscall.SIGCONT {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// take takes the terminal, if the process is in its foreground.
func (c *commandLine) take() {
	if c.setMode() {
		c.show()
	}
}

// setMode gives the terminal our mode, and reports whether it did: keys come one by one and
// without echo. Ctrl+C and Ctrl+Z stay signals.
func (c *commandLine) setMode() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken || c.left || !c.isInForeground() {
		return false
	}
	if c.former == nil {
		former, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
		if err != nil {
			return false
		}
		c.former = former
	}
	mode := *c.former
	mode.Lflag &^= unix.ICANON | unix.ECHO
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	c.taken = unix.IoctlSetTermios(int(c.tty.Fd()), unix.TCSETS, &mode) == nil
	return c.taken
}

// forgetMode has the mode be set again: another program may have changed it.
func (c *commandLine) forgetMode() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken = false
}

func (c *commandLine) isTaken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// show shows the line as wide as the terminal is.
func (c *commandLine) show() {
	if !c.isTaken() {
		return
	}
	columns, _, err := term.GetSize(int(c.tty.Fd()))
	if err != nil || columns == 0 {
		columns = 80
	}
	c.prompt.Show(columns)
}

// leave gives the terminal back because another program is about to take the server's place.
// back takes it again, if that failed.
func (c *commandLine) leave() (back func()) {
	if c == nil {
		return func() {}
	}
	leave := func(left bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.left = left
	}
	leave(true)
	given := make(chan struct{})
	go func() {
		defer close(given)
		c.give()
	}()
	select {
	case <-given:
	case <-time.After(stdoutTimeout): // nobody reads the terminal
		c.restore()
	}
	return func() {
		leave(false)
		c.take()
	}
}

// give gives the terminal back as it was.
func (c *commandLine) give() {
	c.prompt.Hide()
	c.restore()
}

// restore restores the terminal's mode. It does not wait for what is being printed.
func (c *commandLine) restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.former != nil && c.isInForeground() {
		unix.IoctlSetTermios(int(c.tty.Fd()), unix.TCSETS, c.former)
	}
	c.former, c.taken = nil, false
}

func (c *commandLine) isInForeground() bool {
	group, err := unix.IoctlGetInt(int(c.tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// hold has nothing be read that is typed, until release is called.
func (c *commandLine) hold() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = make(chan struct{})
}

func (c *commandLine) release() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.held)
	c.held = nil
}

// isHeld returns a channel that is closed when the line is released; nil if it is not held.
func (c *commandLine) isHeld() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// draft returns what has been typed, for the program that takes this one's place.
func (c *commandLine) draft() (d terminal.Draft) {
	if c == nil {
		return d
	}
	return c.prompt.Draft()
}

// do does what was typed. Nothing of it is ever said in a room by accident.
func (c *commandLine) do(ctx context.Context, line string) {
	words, err := splitWords(line)
	if err != nil {
		fmt.Fprintf(c.prompt, "%v\n", err)
		return
	}
	if len(words) == 0 {
		return
	}
	if words[0] == "rekey" {
		c.prompt.Forget()
	}
	var out bytes.Buffer
	cmd := c.commands(&out)
	sub, _, err := cmd.Find(words)
	if err != nil || sub == cmd {
		c.help(cmd, words[0])
		return
	}
	cmd.SetArgs(words)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(&out, "%v\n", err)
		if _, isUsage := errors.AsType[usageError](err); isUsage {
			fmt.Fprintf(&out, "'%s --help' explains the command\n", words[0])
		}
	}
	c.prompt.Write(out.Bytes())
}

// commands returns the commands, which write to out.
func (c *commandLine) commands(out io.Writer) *cobra.Command {
	p := Process{Stdout: out, Stderr: out, Stdin: strings.NewReader(""), isServer: true, LookupEnv: func(string) (string, bool) { return "", false }}
	cmd := newAdmin(p, func(ctx context.Context, _ string, r admin.Request) (admin.Result, error) {
		ctx, cancel := context.WithTimeout(ctx, lineTimeout)
		defer cancel()
		return c.operator.do(ctx, admin.Actor{Terminal: true}, r)
	})
	cmd.SetOut(out)
	cmd.SetErr(out)
	cmd.SetHelpFunc(showHelp)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.Use = ""
	return cmd
}

// lineTimeout is how long a command may take.
const lineTimeout = 30 * time.Second

// help shows the commands, or says which there are if something else was typed.
func (c *commandLine) help(cmd *cobra.Command, typed string) {
	var b strings.Builder
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			names = append(names, sub.Name())
			fmt.Fprintf(&b, "  %-10s %s\n", sub.Name(), sub.Short)
		}
	}
	b.WriteString("COMMAND --help explains one; Tab completes; Ctrl+C ends the server\n")
	if typed != "help" {
		b.Reset()
		fmt.Fprintf(&b, "there is no command %q, and nothing was said in a room; the commands are help, %s\n", typed, strings.Join(names, ", "))
	}
	io.WriteString(c.prompt, b.String())
}

// splitWords splits a line into words, at blanks that are in no quotes.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range line {
		switch {
		case r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && r == ' ':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote (%c) is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// completionTimeout is how long it may take to find out what a word may become.
const completionTimeout = time.Second

// complete returns what the last word may become: a command, a flag, or what there is for
// it.
func (c *commandLine) complete(text string) (from int, candidates []string) {
	words, err := splitWords(text)
	begun := ""
	if err != nil { // within quotes
		from = strings.LastIndexAny(text, `"'`)
		begun = text[from+1:]
		words, _ = splitWords(text[:from])
		words = append(words, "")
	} else {
		from = strings.LastIndexByte(text, ' ') + 1
		if begun = text[from:]; begun == "" {
			words = append(words, "")
		}
	}
	cmd := c.commands(io.Discard)
	if len(words) <= 1 {
		candidates = []string{"help"}
		for _, sub := range cmd.Commands() {
			candidates = append(candidates, sub.Name())
		}
	} else if sub, _, err := cmd.Find(words[:1]); err == nil && sub != cmd {
		candidates = c.arguments(sub.Name(), words[len(words)-2])
		if strings.HasPrefix(begun, "-") {
			sub.Flags().VisitAll(func(f *pflag.Flag) { candidates = append(candidates, "--"+f.Name) })
		}
	}
	candidates = slices.DeleteFunc(candidates, func(word string) bool { return !strings.HasPrefix(word, begun) })
	for i, word := range candidates {
		if strings.ContainsRune(word, ' ') {
			candidates[i] = `"` + word + `"`
		}
	}
	slices.Sort(candidates)
	return from, slices.Compact(candidates)
}

// arguments returns what may follow a word of a command.
func (c *commandLine) arguments(command, before string) (all []string) {
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	switch {
	case before == "--room" || command == "who" || command == "rekey":
		for _, room := range c.operator.server.Rooms() {
			all = append(all, string(console.EscapeName(nil, []byte(shownRoomName(room.Name())))))
		}
	case strings.HasPrefix(before, "--"):
	case command == "kick" || command == "ban":
		members, err := c.operator.server.Members(ctx, server.Who{})
		if err != nil {
			return nil
		}
		for _, m := range members {
			if command == "ban" {
				all = append(all, m.Addr.Addr().String())
				continue
			}
			all = append(all, string(console.EscapeName(nil, []byte(m.Name))), strconv.FormatUint(m.ID, 10))
		}
	case command == "unban":
		for _, ban := range c.operator.bansOf(c.operator.origins.Bans(time.Now())) {
			all = append(all, ban.Network)
		}
	case command == "loglevel":
		all = []string{"debug", "info", "warn", "error"}
	}
	return all
}
