package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sop-chat/client"
)

func Example() {
	room := newRoom("secret") // a server
	defer room.stop()
	ctx := context.Background()

	alice, err := client.Dial(ctx, room.addr(), "alice", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	bob, err := client.Dial(ctx, room.addr(), "bob", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bob.Close()

	if err := alice.Send(ctx, "hello, everybody"); err != nil {
		fmt.Println(err)
		return
	}
	for message, err := range bob.Receive(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s\n", message.Name, message.Text)
		break // Receive can be called again
	}
	// Output: alice: hello, everybody
}

// An echo bot answers every message, except those of bots: an answer begins with a mark,
// and what begins with the mark gets no answer, so that two bots don't answer each other
// for ever. The one in examples/echobot is a complete program, which stays in the room.
func Example_echoBot() {
	const mark = "[bot] "
	room := newRoom("secret")
	defer room.stop()
	ctx := context.Background()
	bot, err := client.Dial(ctx, room.addr(), "echo", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for message, err := range bot.Receive(ctx) {
			if err != nil {
				return
			}
			if message.Old || strings.HasPrefix(message.Text, mark) {
				continue
			}
			// One message, because the next would not begin with the mark.
			answer := client.Split(mark + message.Name + " says: " + message.Text)[0]
			if err := bot.Send(ctx, answer); err != nil {
				return
			}
		}
	}()

	alice, err := client.Dial(ctx, room.addr(), "alice", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer alice.Close()
	alice.Send(ctx, "is there an echo?")
	for message := range alice.Receive(ctx) {
		fmt.Printf("%s: %s\n", message.Name, message.Text)
		break
	}
	bot.Finish(ctx)
	<-done
	// Output: echo: [bot] alice says: is there an echo?
}

// A wrong key and a full room look the same to a client.
func ExampleDial_refused() {
	room := newRoom("secret")
	defer room.stop()

	_, err := client.Dial(context.Background(), room.addr(), "eve", "guess")
	var refused *client.RefusedError
	if errors.As(err, &refused) {
		fmt.Println("wrong key or full room")
	}
	// Output: wrong key or full room
}

// Finish makes sure that everything has arrived before the program ends.
func ExampleClient_Finish() {
	room := newRoom("secret")
	defer room.stop()
	ctx := context.Background()

	c, err := client.Dial(ctx, room.addr(), "cron", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	if err := c.Send(ctx, "the backup is done"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Finish(ctx))
	// Output: <nil>
}

func ExampleSplit() {
	for _, part := range client.Split(strings.Repeat("łódź ", 100)) {
		fmt.Println(len(part))
	}
	// Output:
	// 448
	// 352
}
