package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sop-chat/client"
)

// A program that stays in the room reads events instead of messages: messages are most of
// them.
func ExampleStay() {
	room := newRoom("secret") // a server
	defer room.stop()
	ctx := context.Background()

	s, err := client.Stay(ctx, room.addr(), "alice", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for event, err := range s.Events(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch e := event.(type) {
		case client.Joined:
			if !e.Again {
				fmt.Println("joined")
				room.disconnect() // the network breaks
				continue
			}
			fmt.Println("back in the room")
			room.say("bob", "welcome back") // another client
		case client.Disconnected:
			fmt.Println("not connected; trying again")
		case client.Message:
			if e.Missed > 0 {
				fmt.Printf("(%d missed)\n", e.Missed)
			}
			fmt.Printf("%s: %s\n", e.Name, e.Text)
			if e.Text == "welcome back" {
				if err := s.Send("thanks, and goodbye"); err != nil { // waits for a connection, if there is none
					fmt.Println(err)
				}
				if err := s.Finish(ctx); err != nil { // ends the loop
					fmt.Println(err)
				}
			}
		}
	}
	// Output:
	// joined
	// not connected; trying again
	// back in the room
	// bob: welcome back
}

// A program that sends one message waits until the server has it.
func ExampleDial_sendOne() {
	room := newRoom("secret")
	defer room.stop()

	say := func(text string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		c, err := client.Dial(ctx, room.addr(), "cron", "secret")
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Send(ctx, text); err != nil {
			return err
		}
		return c.Finish(ctx)
	}
	if err := say("the backup is done"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Join(room.said("cron"), "\n"))
	// Output: the backup is done
}

// A program that prints the room needs no other method than Receive. Names and texts are
// what others have sent: quote them for a terminal.
func ExampleClient_Receive() {
	room := newRoom("secret")
	defer room.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	c, err := client.Dial(ctx, room.addr(), "printer", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	room.say("bob", "red \x1b[31malert\x1b[0m")
	room.disconnect() // the server ends
	for m, err := range c.Receive(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q: %q\n", m.Name, m.Text)
	}
	// Output:
	// "bob": "red \x1b[31malert\x1b[0m"
	// the server closed the connection
}

// Over https, through a server's page behind a proxy that adds TLS, messages have times and
// senders, and the error of a refusal has its reason.
func ExampleDial_https() {
	ctx := context.Background()
	c, err := client.Dial(ctx, "https://chat.example.com", "alice", "secret")
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Reason == client.WrongKey {
		fmt.Println("which key is it?")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for m, err := range c.Receive(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %q (as %q): %q\n", m.Time.Format(time.TimeOnly), m.From, m.Name, m.Text)
	}
}
