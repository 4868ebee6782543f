// A model for Spin of who is held and who is woken; docs/model.md says how to run
// it. Two loops append, two followers, each alone in its group, read and sleep, and a
// closer ends everything.
// Spin tries every order of their steps. Comments name the Go functions.
//
// Each load, store and compare-and-swap that others may see is a step of its own.
// Only what makes no difference to others is merged with its neighbour: taking a
// lock with the step after it, releasing it with the one before, and what belongs
// to the process itself or is guarded by a lock that it holds.
//
// When nobody can take another step, everything must have been sent and read, and
// the room must not be held; so a lost wake-up and an endless hold are found. There
// are no timers that would hide them.
//
// MUTANT=n leaves out or spoils one step. Spin must find a fault in each.
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef GATE
#define GATE 0    // 1: the lossless follower is a gate
#endif
#ifndef SKIPPER
#define SKIPPER 0 // 1: there is a follower that may skip, too
#endif
#ifndef FIRST     // messages that the clients send, each at once: two of loop 0 …
#define FIRST 1
#endif
#ifndef SECOND
#define SECOND 0
#endif
#ifndef OTHER     // … and one of loop 1
#define OTHER 0
#endif
#ifndef BEHIND
#define BEHIND 0  // messages that are there at first and that the loops have read
#endif
#ifndef READ
#define READ 0    // how many of them the lossless follower has read, too
#endif
#ifndef LAGS
#define LAGS 0    // 1: the socket of a member of loop 0 may take nothing at first
#endif
#ifndef EARLY
#define EARLY 0   // 1: the closer may close early, and the lossless follower leave
#endif
#ifndef MEMORY
#define MEMORY 0  // 1: segments are used again
#endif
#ifndef LIMIT
#define LIMIT 0   // 1: the lossless follower has a limit that is far below the backlog
#endif
#ifndef BATCH
#define BATCH 2   // messages that a loop reads before it must append them
#endif
#ifndef LOW       // watermarks in messages, see broadcast.watermarks
#define LOW 1
#define LOW_CLEAR 0
#define HIGH 2
#define HIGH_CLEAR 1
#endif
#define RING (HIGH + (OTHER > 0 -> 2 : 1) * BATCH) // see broadcast.Segments; here a segment is a message

// Readers of the log: loops 0 and 1, and the followers.
#define LOSSLESS 2
#define SKIPPING 3
#define NOBODY 4

// broadcast.Log
byte head = BEHIND, end = BEHIND, pressAt = READ + LOW, at[4], firstLive;
byte readers = 7 + 8 * SKIPPER; // a set
bool pressed = BEHIND - READ >= LOW, held = BEHIND - READ >= HIGH, closed, memory = true, gate = GATE, mu;
// broadcast.Follower, broadcast.Group, netpoll.Poller, server.Server
bool queued[4], incoming[4], followerMu; // incoming: it is in broadcast.Group.incoming
bool sleeping[4], notified[4]; // notified: broadcast.Group.wake has an element
bool woken[2], eventfd[2], stop;
byte unsent = FIRST + SECOND + OTHER, running = 2, following = 1 + SKIPPER;

#define has(set, r) ((set >> (r)) & 1)
#define first(set) (has(set, 0) -> 0 : (has(set, 1) -> 1 : (has(set, 2) -> 2 : 3)))
#define lock(m)   !m -> m = true
#define LOCALS byte list, r, most; bool ended, endsHeld, endsPressed

// To load and then compare and swap is the same as only the latter: whatever the
// load returns early for, the swap would have failed for at that moment.
inline wakeReader(r) {
	if
	:: r >= LOSSLESS -> notify(r)
	:: r < LOSSLESS -> // netpoll.Poller.Wake
		if
		:: atomic { !woken[r] -> woken[r] = true }; eventfd[r] = true
		:: atomic { woken[r] -> skip }
		fi
	fi
}

inline notify(r) { // broadcast.Follower.notify
	if
	:: atomic { !queued[r] -> queued[r] = true }; incoming[r] = true; notifyGroup(r) // broadcast.Group.push
	:: atomic { queued[r] -> skip }
	fi
}

inline notifyGroup(r) { // broadcast.Group.notify
	if
#if MUTANT == 1 // a load and a store
	:: sleeping[r] -> sleeping[r] = false; send(r)
#else
	:: atomic { sleeping[r] -> sleeping[r] = false }; send(r)
#endif
	:: atomic { !sleeping[r] -> skip }
	fi
}

inline send(r) { d_step { assert(!notified[r]); notified[r] = true } } // it never blocks

inline wakeAll(except) { // broadcast.Log.wake
	list = readers & ~(1 << except);
	do
	:: list > 0 -> r = first(list); list = list & ~(1 << r); wakeReader(r)
	:: else -> break
	od;
	r = 0
}

inline wakeIfEnded() { if :: ended -> ended = false; wakeAll(NOBODY) :: else fi }

inline look(r) { // at a cursor
	if :: has(readers, r) && end - at[r] > most -> most = end - at[r] :: else fi
}

inline measure() { // broadcast.Log.measure
#if LIMIT
	d_step {
		most = 0; look(LOSSLESS);
#else
	most = (GATE -> end - head : 0);
	d_step { look(me); look((me == 0 -> 1 : 0)) } // its own cursor only it moves
	d_step {
		look((me == LOSSLESS -> 1 : LOSSLESS));
#endif
		pressAt = end - most + LOW;
		endsHeld = held && most <= HIGH_CLEAR;
		endsPressed = pressed && most <= LOW_CLEAR && (!held || endsHeld)
	}
}

inline restrain() { // broadcast.Log.restrain
	measure();
	if
	:: most >= LOW ->
		pressed = true;
		if :: most >= HIGH -> held = true :: else fi;
		relax() // the second look
	:: else
	fi
}

inline relax() { // broadcast.Log.relax
	measure();
	if :: endsHeld -> held = false; ended = true :: else fi;
	if :: endsPressed -> pressed = false; ended = true :: else fi
}

inline unlockLog() { mu = false; d_step { most = 0; endsHeld = false; endsPressed = false } }

inline reconsider() { // broadcast.Log.reconsider
	atomic { lock(mu) }
	relax();
	unlockLog();
#if MUTANT == 3
	ended = false;
#endif
	wakeIfEnded()
}

inline reconsiderIfPressed() {
	if
	:: atomic { pressed -> skip }; reconsider()
	:: atomic { !pressed -> skip }
	fi
}

inline reclaim() { // broadcast.Log.reclaim
	oldest = head;
	do
	:: r < NOBODY -> d_step { if :: has(readers, r) && at[r] < oldest -> oldest = at[r] :: else fi; r++ }
	:: else -> break
	od;
	atomic { firstLive = oldest; oldest = 0; r = 0 }
}

inline pushSkippers() { // broadcast.Log.pushSkippers, broadcast.Follower.push
	d_step {
		oldest = firstLive + (RING + 3) / 4;
		if :: oldest > head -> oldest = head :: else fi
	}
#if MUTANT != 4 // the follower's lock
	atomic { lock(followerMu) }
#endif
	d_step { if :: at[SKIPPING] < oldest -> at[SKIPPING] = oldest :: else fi; oldest = 0 }
#if MUTANT != 4
	followerMu = false
#endif
}

inline append() { // broadcast.Log.Append, broadcast.Log.append, broadcast.Log.segmentForAppend
	atomic { lock(mu) }
#if MEMORY
	do
	:: taken < batch ->
		reclaim();
		if :: end + taken - firstLive >= RING -> pushSkippers(); reclaim() :: else fi;
		assert(end + taken - firstLive < RING); // or it would write over what is unread
		taken++
	:: else -> break
	od;
#endif
	atomic {
		end = end + batch; batch = 0; taken = 0;
		if :: !GATE -> head = end :: else fi;
		restrains = end >= pressAt || pressed
	}
	if :: GATE -> if :: !gate -> head = end :: else fi :: else fi;
	if :: restrains -> restrain(); restrains = false :: else fi;
	unlockLog();
#if MUTANT == 5 // the loop that appends is not woken
	ended = false;
#endif
	wakeIfEnded()
}

inline advance(r, to) { // broadcast.Cursor.Advance
	at[r] = to;
#if MUTANT != 6
	reconsiderIfPressed()
#endif
}

inline leave(r) { // broadcast.Cursor.Leave
	atomic { lock(mu); readers = readers & ~(1 << r); mu = false }
#if MUTANT != 7
	reconsiderIfPressed();
#endif
	if :: closed -> closeMemory() :: else fi
}

inline closeMemory() { // broadcast.Log.giveMemory
	atomic { lock(mu); if :: closed && readers == 0 -> memory = false :: else fi; mu = false }
}

inline publish() { // server.audience.publish
	if
	:: batch > 0 ->
		append();
		if // broadcast.Log.Wake
		:: atomic { gate -> skip }; notify(LOSSLESS)
		:: atomic { !gate -> skip }; wakeAll(me)
		fi
	:: else
	fi
}

inline takeFrom(c) { d_step { unsent = unsent - toSend[c]; batch = batch + toSend[c]; toSend[c] = 0 } }

inline read(c) { // server.audience.read, server.audience.mayRead
	if
	:: ready[c] && !paused[c] ->
		if
		:: batch > 0 -> publish() // for want of space, or so that it presses the room
		:: batch < BATCH
		fi;
		if
#if MUTANT != 8 // it looks whether the room is held
		:: atomic { held -> paused[c] = true }
		:: atomic { !held -> takeFrom(c) }
#else
		:: takeFrom(c)
#endif
		fi
	:: else
	fi;
	ready[c] = false
}

proctype loop(byte me) { // server.loop.turn
	bool ready[2], paused[2], wakes, writable, lags, restrains;
	byte toSend[2], batch, taken, oldest, from = BEHIND, to = BEHIND, now;
	LOCALS;
	d_step { toSend[0] = (me == 0 -> FIRST : OTHER); toSend[1] = (me == 0 -> SECOND : 0) }
	do
	::	atomic { // netpoll.Poller.Wait: one event, and what else has come by then
			if
			:: eventfd[me]
			:: toSend[0] > 0 && !paused[0] -> ready[0] = true
			:: toSend[1] > 0 && !paused[1] -> ready[1] = true
			:: lags -> writable = true
			fi;
			if :: toSend[1] > 0 && !paused[1] -> ready[1] = true :: true fi;
			wakes = eventfd[me];
#if MUTANT != 9
			eventfd[me] = false // with the wait: until clearWake is done nobody writes to it
#endif
		}
#if MUTANT == 9 // the other way round
		if :: wakes -> woken[me] = false; eventfd[me] = false :: else fi;
		wakes = false;
#endif
		atomic {
			if :: wakes -> woken[me] = false; wakes = false :: else fi; // netpoll.Poller.clearWake
			if :: stop -> break :: else fi
		}
		if // server.audience.resume
		:: paused[0] || paused[1] ->
			if
			:: atomic { !held -> paused[0] = false; paused[1] = false }
			:: atomic { held -> skip }
			fi
		:: else
		fi;
		read(0); read(1);
		publish();
		now = head; // server.audience.flush
#if MEMORY
		assert(from == now || from >= firstLive);
#endif
		if
		:: LAGS && me == 0 && to < now && !lags -> lags = true // a socket takes nothing
		:: !lags || writable -> to = now; lags = false
		:: lags && !writable
		fi;
		writable = false; now = 0;
		if :: to != from -> from = to; advance(me, to) :: else fi // server.audience.advance
	od;
	leave(me); // server.loop.shutdown
	running--
}

inline take(gets) { // broadcast.Follower.take, of all there is
	if // broadcast.Follower.visibleEnd
	:: GATE && me == LOSSLESS -> now = end
	:: else -> now = head
	fi;
#if MEMORY // broadcast.Follower.takeMessages
	if :: me == SKIPPING -> atomic { lock(followerMu); next = at[me] } :: else fi;
#endif
	gets = next < now;
	if
	:: gets ->
#if MEMORY
#if MUTANT == 10 // the cursor moves before the message is copied
		at[me] = now;
#endif
		assert(next >= firstLive); // it is not written over while it is copied
#endif
		next = now;
		at[me] = next
	:: else
	fi;
	now = 0;
	if
	:: me == SKIPPING ->
#if MEMORY
		followerMu = false
#endif
	:: else -> reconsiderIfPressed()
	fi
}

inline cancelSleep() { // broadcast.Group.cancelSleep
	if
	:: atomic { sleeping[me] -> sleeping[me] = false }
	:: atomic { !sleeping[me] -> skip };
#if MUTANT != 11 // it takes the element of one that was faster
		atomic { notified[me] -> notified[me] = false }
#endif
	fi
}

inline lookAt(r) { // broadcast.Group.look
	if
	:: atomic { !queued[r] -> queued[r] = true }; ready = true
	:: atomic { queued[r] -> skip }
	fi
}

proctype follower(byte me; bool stays) { // broadcast.Follower.Next, again and again
	byte now, next = (me == LOSSLESS -> READ : 0);
	bool ready, got, ends;
	LOCALS;
	do
	::	if :: !stays -> break :: true fi;
		lookAt(me);
		do // broadcast.Group.Next
		::	atomic { if :: incoming[me] -> incoming[me] = false; ready = true :: else fi }
			if
			:: ready ->
				ready = false;
#if MUTANT != 15 // what comes while it looks does not queue it again
				queued[me] = false;
#endif
				ends = closed;
				if
				:: ends && GATE && me == LOSSLESS -> ends = (next == end)
				:: ends && !(GATE && me == LOSSLESS) -> now = head; ends = (now == end); now = 0
				:: else
				fi;
				take(got);
#if MUTANT == 15
				queued[me] = false;
#endif
				if
				:: got -> lookAt(me); break
				:: ends && !got -> break
				:: else
				fi
			:: else
			fi;
			sleeping[me] = true;
			if
#if MUTANT != 12 // what came before sleeping was set woke nobody
			:: incoming[me] -> cancelSleep()
			:: !incoming[me] ->
#else
			:: true ->
#endif
				if
				:: atomic { notified[me] -> notified[me] = false }
				:: !stays -> cancelSleep(); break // its context is done
				fi
			fi
		od;
#if GATE
		if
		:: me == LOSSLESS && got && next != head -> // broadcast.Follower.Publish
			head = next;
#if MUTANT != 13
			wakeAll(me);
#endif
			reconsiderIfPressed()
		:: else
		fi;
#endif
		if :: ends && !got -> assert(at[me] == end); break :: else fi; // io.EOF
		got = false; ends = false
	od;
	queued[me] = true; // broadcast.Follower.leave
#if GATE
	if
	:: me == LOSSLESS -> // broadcast.Follower.Close, broadcast.Log.removeGate
		atomic { lock(mu); gate = false }
		head = end; mu = false;
#if MUTANT != 14
		wakeAll(NOBODY)
#endif
	:: else
	fi;
#endif
	leave(me);
	following--
}

#define caughtUp(r) (!has(readers, r) || at[r] == end)

init { // the closer: server.Server.Serve
	byte list, r;
	bool early, stays = true;
	atomic {
		at[0] = BEHIND; at[1] = BEHIND; at[LOSSLESS] = READ;
		if :: EARLY -> early = true :: true fi;
		if :: EARLY -> stays = false :: true fi;
		run loop(0); run loop(1);
		run follower(LOSSLESS, stays);
		if :: SKIPPER -> run follower(SKIPPING, true) :: else fi
	}
	if
	:: early
	:: else ->
		timeout; // when nobody can take another step
		assert(unsent == 0 && !held && !pressed && head == end);
		assert(caughtUp(0) && caughtUp(1) && caughtUp(2) && caughtUp(3))
	fi;
	stop = true; // server.Server.stop
	wakeReader(0); wakeReader(1);
	running == 0;
	closed = true; // broadcast.Log.Close
#if MUTANT != 2
	wakeAll(NOBODY);
#endif
	closeMemory();
	following == 0;
	assert(!memory)
}
