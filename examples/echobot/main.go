// Echobot joins a room and answers every message that is meant for it:
//
//	SOP_CHAT_KEY=secret go run ./examples/echobot http://localhost:8080
//
// To "echo hello" it answers "hello". It ends with Ctrl+C or with the room.
//
// The address is that of the server's page (--web), where the bot is told what was said
// before it came, which it does not answer. It also runs over plain TCP, as with
// localhost:9000. There nothing tells what a server with --replay repeats to those that
// join, so each time the bot starts it answers that, too.
package main

import (
	"context"
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
	bot, err := client.Dial(ctx, addr, "echo", key)
	if err != nil {
		return err
	}
	defer bot.Close()
	return answer(ctx, bot)
}

// answer answers messages until the connection ends or ctx is done.
func answer(ctx context.Context, bot *client.Client) error {
	for message, err := range bot.Receive(ctx) {
		if err != nil {
			return err
		}
		said, isForUs := strings.CutPrefix(message.Text, "echo ")
		// Another bot of this name would answer for ever.
		if !isForUs || message.Old || message.Name == bot.Name() {
			continue
		}
		if err := bot.Send(ctx, said); err != nil {
			return err
		}
	}
	return nil
}
