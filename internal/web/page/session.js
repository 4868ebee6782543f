// What passes between this page and the room: everything once, in its order, over any number
// of connections.

import { Connection, client } from "./connection.js";
import { loadMissed } from "./missed.js";
import { Numbers } from "./numbers.js";

const nowhere = { client, from: "0" };

// A Session calls the functions of on:
//
//	admitted({again, isNewEpoch, valid, isMissing})
//	                         we are let in; numbers greater than valid are void; if isMissing,
//	                         what was missed is being loaded
//	caughtUp()               what was missed is there, and what is said is sent now
//	message(message, isNew)  {name, from, text, number, time, own} came; it is new if it was
//	                         said since this page came
//	arrived(item)            an item of say has arrived, and has its number and time
//	cleared()                too much was missed to keep what is on the page
//	elsewhere(item)          an item of say has arrived among what is not on the page
//	greeted(messages)        the server says {name, text} to this page alone
//	missing(n, why)          that many messages won't come here
//	history()                promises the room's History, or null if it has none
//
// and failed(why, words) and lost(pause, why) of a Connection.
export class Session {
  #on;
  #connection;
  #numbers = new Numbers("");
  #isEmpty = true; // nothing was ever here, so that nothing is missed
  #hasHistory = false; // what was here before the page was loaded is loaded from the history
  #frames = null; // what came while something that was missed is loaded
  #isNew = false; // what comes was said since this page came
  #visit = 0; // a number for each connection
  #server = "0"; // of this connection
  #now = nowhere; // as this connection was made
  #at = nowhere; // as it was when it was last known what has arrived

  constructor(on) {
    this.#on = on;
    this.#connection = new Connection({
      claim: () => this.#claim(),
      at: () => (this.#now = this.#numbers.uncertain > 0 ? this.#at : nowhere),
      isAwaiting: () => this.#numbers.isAwaiting,
      admitted: (frame, claim) => this.#admitted(frame, claim),
      received: (frame) => this.#take(frame),
      broken: () => this.#broken(),
      failed: on.failed,
      lost: on.lost,
    });
  }

  // join begins to join, see Connection. If there was a session under this name before
  // the page was loaded again, numbers is what toJSON returned then, hasHistory says
  // whether the room had one, and unsent are the items that were not acknowledged, the
  // first of which, uncertain in number, may have arrived; at is then what it was.
  join(name, key, again, { numbers, hasHistory, unsent, uncertain = unsent.length, at = nowhere }) {
    this.#at = at;
    this.#numbers = new Numbers(name, numbers);
    for (const [i, item] of unsent.entries()) {
      this.#numbers.say(item, i < uncertain);
    }
    this.#isEmpty = true;
    this.#hasHistory = hasHistory;
    this.#connection.join(name, key, again);
  }

  // rejoin goes on with another key.
  rejoin(key) {
    this.#connection.rejoin(key);
  }

  retry() {
    this.#connection.retry();
  }

  toJSON() {
    return this.#numbers.toJSON();
  }

  // say sends an item, now or when it is possible.
  say(item) {
    this.#numbers.say(item);
    this.#send();
  }

  leave() {
    this.#connection.leave();
    this.#numbers = new Numbers("");
  }

  // at is what join takes when the page is loaded again.
  get at() {
    return this.#at;
  }

  // last is the number up to which nothing more comes.
  get last() {
    return this.#numbers.last;
  }

  get unacknowledged() {
    return this.#numbers.unacknowledged;
  }

  // isAwaiting tells whether something was sent that the room has not acknowledged yet.
  get isAwaiting() {
    return this.#numbers.isAwaiting;
  }

  // uncertain is how many of those, the first ones, may have arrived all the same.
  get uncertain() {
    return this.#numbers.uncertain;
  }

  isOwn(number) {
    return this.#numbers.isOwn(number);
  }

  // countOthers returns how many messages from first to last are not known to be this
  // page's.
  countOthers(first, last) {
    return last - first + 1 - this.#numbers.countOwn(first, last);
  }

  // claim says what the page has. If it was loaded again, the history fills it; without one,
  // the server's replay does, unless it has to be found out what has arrived.
  #claim() {
    const isNeeded = !this.#isEmpty || this.#hasHistory || this.#numbers.unacknowledged.length > 0;
    return isNeeded ? this.#numbers.claim() : null;
  }

  #admitted(frame, claim) {
    const again = !this.#isEmpty;
    const { valid, isNewEpoch, missed } = this.#numbers.admitted(frame, claim);
    const isWanted = claim && missed && (again || this.#numbers.unacknowledged.length > 0);
    this.#isEmpty = false;
    this.#isNew = again;
    this.#server = frame.server;
    this.#on.admitted({ again, isNewEpoch, valid, isMissing: isWanted });
    if (isWanted) {
      this.#frames = [];
      this.#load(missed, this.#visit);
    } else {
      this.#numbers.pass(frame.number);
    }
  }

  #take(frame) {
    if (frame.number === 0) {
      this.#on.greeted(frame.messages);
    } else if (this.#frames) {
      this.#frames.push(frame);
    } else {
      this.#received(frame);
    }
  }

  #broken() {
    this.#visit++;
    this.#frames = null;
    this.#numbers.lost();
  }

  #received(frame) {
    const wasCaughtUp = this.#numbers.isCaughtUp;
    for (const settled of this.#numbers.received(frame)) {
      this.#show(settled);
    }
    if (this.#numbers.isCaughtUp && !wasCaughtUp) {
      this.#isNew = true;
      this.#at = { ...this.#now, from: this.#server };
      this.#on.caughtUp();
      this.#send();
    }
  }

  // show passes on what is settled. If it can't be shown, what follows can all the same.
  #show({ item, message }) {
    try {
      if (item) {
        this.#on.arrived(item);
      } else {
        this.#on.message(message, this.#isNew);
      }
    } catch (error) {
      reportError(error);
    }
  }

  #send() {
    const { isAwaiting } = this.#numbers;
    for (const item of this.#numbers.toSend()) {
      this.#connection.send(item.text, isAwaiting);
    }
  }

  // load shows what was missed, and then what came meanwhile. If the connection breaks
  // before, all of it is missed again.
  async #load({ after, before }, visit) {
    const isWanted = () => visit === this.#visit;
    const history = await this.#on.history();
    const { messages, isCut, failure } = history
      ? await loadMissed(history, after, before, isWanted)
      : { messages: [] };
    const first =
      isCut && this.#numbers.unacknowledged.length > 0 ? await loadMissed(history, after, after + 101, isWanted) : null;
    if (!isWanted()) {
      return;
    }
    if (isCut) {
      // What was sent before the connection broke arrived soon after, if it did.
      for (const message of first?.messages ?? []) {
        const item = this.#numbers.recognised(message);
        if (item) {
          this.#on.elsewhere(item);
        }
      }
      this.#numbers.pass(messages[0].number);
      this.#on.cleared();
    }
    for (const message of messages) {
      this.#pass(message.number, failure);
      this.#show(this.#numbers.loaded(message));
    }
    this.#pass(before, failure);
    const frames = this.#frames;
    this.#frames = null;
    for (const frame of frames) {
      this.#received(frame);
    }
  }

  #pass(number, failure) {
    const missing = this.#numbers.pass(number);
    if (missing > 0) {
      this.#on.missing(missing, failure?.message);
    }
  }
}
