//go:build race

package e2e

// raceEnabled: the tests were built with the race detector, so the server is
// too, and is a good deal slower and larger.
const raceEnabled = true
