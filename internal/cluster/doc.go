// Package cluster makes one chat of many servers, on a stream that orders all that is said in
// their rooms (JetStream).
//
//	members ─▶ outgoing log ─▶ core ─publish─▶ stream, one subject for each room and server
//	                                              │ one order
//	members ◀── room's log ◀─ core ◀───read───────┘ its own batches, too
//
// A message is delivered to a room only when it comes back from the stream. So all servers
// deliver the same messages in the same order, and number them alike (number.go). What is
// said in a room is published in batches, one at a time (publish.go).
//
// A Link has the goroutines, the clock and the calls on the stream (run.go). All decisions
// are those of its core, which is told what happened and answers with actions; the simulation
// drives it with a model of the stream.
//
// The package knows no server and no sockets: a room is what implements Room, and the
// stream is what implements Stream.
package cluster
