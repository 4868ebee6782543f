// Echobot joins a room and answers every message that is meant for it:
//
//	SOP_CHAT_KEY=secret go run ./examples/echobot http://localhost:8080
//
// To "echo hello" it answers "[bot] hello". It stays in the room until Ctrl+C: when the
// connection ends, it joins again. What was said while it was away it does not answer.
//
// The address is that of the server's page (--web). It also runs over plain TCP, as with
// localhost:9000. There nothing tells what a server with --replay repeats to those that
// join, so the bot answers nothing that comes right after it has joined.
//
// Every answer begins with a mark, and what begins with the mark gets no answer. So no
// number of bots that obey this rule, under whatever names and with whatever commands,
// answer each other for ever. Whoever copies the bot should copy the rule.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"sop-chat/client"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: echobot URL, or HOST:PORT, with the key in SOP_CHAT_KEY")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Getenv("SOP_CHAT_KEY")); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "echobot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, key string) error {
	bot, err := client.Stay(ctx, addr, "echo", key)
	if err != nil {
		return err
	}
	defer bot.Close()
	return serve(ctx, bot, echo)
}

// echo answers what begins with its command.
func echo(m client.Message) (answer string, ok bool) {
	return strings.CutPrefix(m.Text, "echo ")
}

// mark begins the answers of bots.
const mark = "[bot] "

// serve answers messages until the session ends or ctx is done.
func serve(ctx context.Context, bot *client.Session, answer func(client.Message) (string, bool)) error {
	for event, err := range bot.Events(ctx) {
		if err != nil {
			return err
		}
		switch e := event.(type) {
		case client.Disconnected:
			fmt.Fprintf(os.Stderr, "echobot: %v; joining again\n", e.Err)
		case client.Message:
			if e.Old || strings.HasPrefix(e.Text, mark) {
				continue
			}
			text, ok := answer(e)
			if !ok {
				continue
			}
			// One message, because the next would not begin with the mark.
			if err := bot.Send(client.Split(mark + text)[0]); err != nil && !errors.Is(err, client.ErrQueueFull) {
				return err
			}
		}
	}
	return nil
}
