// Package e2e tests sop-chat from the outside: it builds the binary, runs it as a
// process on a free port, and speaks to it over TCP, as the GUI client of the
// specification does and as malicious peers do.
//
// It knows the protocol, the command line and what Linux reports about a process.
// It does not know how the server is implemented. Of this module it uses only
// internal/wire, for the size of a message, and the packages that tests share.
//
// The terminal client is tested in the same way: join_test.go runs it with pipes,
// and tmux_test.go in a terminal, with keys and the contents of the screen.
// testdata/screens has the expected screens; -update renews them.
//
// The page is tested in a real browser (web_test.go, with the harness in
// browser_test.go). web_link_test.go is a network that fails, and testdata/page a room
// that the page meets within the browser, at random. testdata/axe is axe-core, which
// finds problems of accessibility. It has a license of its own and is not part of the
// program.
//
// Programs that put TLS in front of the server are run with the files that the documents
// have for them (proxies_test.go).
//
// Thousands of pages are simulated without a browser (tab_test.go).
//
// The server's harness is in six files: main_test.go builds the binary,
// server_test.go runs it, output_test.go holds its output, process_test.go
// measures it, client_test.go is a client that checks every byte, and
// traffic_test.go makes messages of which none can be lost, doubled or exchanged
// unnoticed. The other files are the tests, one file for each topic.
//
// No test sleeps and hopes. A test waits until something happens. That nothing
// happens is proven by the next event: a client that should receive nothing is sent
// a marker, and the marker must be the next message it receives.
//
// SOP_CHAT_E2E=full in the environment runs larger sizes. A test that needs
// something that the machine does not have is skipped with the reason, but fails if
// CI=true.
package e2e
