// Package e2e tests sop-chat from the outside: it builds the binary, runs it
// as a process on a free port, and speaks to it over TCP, exactly as the GUI
// client of the specification does and as bad peers do.
//
// It knows the protocol, the command line and what Linux tells about a process,
// and nothing of how the server is made. Of this module it uses only
// internal/wire, for the size of a message, and what tests share.
//
// The client is tested in the same way: join_test.go runs it with pipes, and
// tmux_test.go in a terminal, by keys and by what the screen shows; how that
// should look is in testdata/screens, which -update renews.
//
// The page is tested in the same way, in a real browser (web_test.go, with the
// harness in browser_test.go). testdata/axe is axe-core, which looks for what
// keeps people out of a page; it has a licence of its own and is no part of the
// program.
//
// The harness of the server is in six files: main_test.go builds the binary,
// server_test.go runs it, output_test.go holds what it prints, process_test.go
// measures it, client_test.go is a client that checks every byte, and
// traffic_test.go makes messages of which none can be lost, doubled or exchanged
// unseen. The other files are the tests, one file a theme.
//
// No test sleeps and hopes. That something happens is waited for; that nothing
// happens is proven by what happens next: a client that was to get nothing is
// sent a marker, and the marker has to be the next thing it gets.
//
// SOP_CHAT_E2E=full in the environment runs larger sizes. A test that needs
// what the machine lacks is skipped with the reason, but fails if CI=true.
package e2e
