// What this page knows of the room by numbers: up to which message it has seen
// everything, which messages are its own, and which of those have not arrived. See
// docs/web.md. It knows no sockets, no elements and no clock.

import { Ranges } from "./ranges.js";

export class Numbers {
  #name; // with which this page joins
  #epoch; // what the numbers below belong to; empty if there are none
  #last; // nothing up to here is still to come
  #own; // numbers of this page's messages, up to last
  #unacknowledged = []; // this page's messages that have not arrived as far as it knows, the first first
  #sent = 0; // how many of those were sent by this connection
  #former = 0; // how many were sent by an earlier one, and may be among what it missed
  #isCaughtUp = false;

  // stored is what toJSON returned for the same name, if anything did.
  constructor(name, stored) {
    this.#name = name;
    this.#epoch = stored?.epoch ?? "";
    this.#last = stored?.last ?? 0;
    this.#own = new Ranges(stored?.own);
  }

  toJSON() {
    return { epoch: this.#epoch, last: this.#last, own: this.#own };
  }

  // claim returns what the server is told that the page has: {epoch, after}, or null.
  claim() {
    return this.#epoch === "" ? null : { epoch: this.#epoch, after: this.#last };
  }

  get last() {
    return this.#last;
  }

  get isCaughtUp() {
    return this.#isCaughtUp;
  }

  // unacknowledged returns this page's messages that have not arrived.
  get unacknowledged() {
    return [...this.#unacknowledged];
  }

  // uncertain returns how many of them, the first ones, may have arrived all the same.
  get uncertain() {
    return Math.max(this.#sent, this.#former);
  }

  // isAwaiting tells whether something was sent by this connection that has not
  // arrived.
  get isAwaiting() {
    return this.#sent > 0;
  }

  isOwn(number) {
    return this.#own.has(number);
  }

  countOwn(first, last) {
    return this.#own.count(first, last);
  }

  // say adds a message of this page, {text}. If it is one of before the page was
  // loaded again, wasSent says that it may have arrived.
  say(item, wasSent = false) {
    this.#unacknowledged.push(item);
    if (wasSent) {
      this.#former = this.#unacknowledged.length;
    }
  }

  // toSend returns the messages that are to be sent now, once.
  toSend() {
    if (!this.#isCaughtUp) {
      return [];
    }
    const items = this.#unacknowledged.slice(this.#sent);
    this.#sent = this.#unacknowledged.length;
    return items;
  }

  // lost says that the connection is no more.
  lost() {
    this.#former = Math.max(this.#former, this.#sent);
    this.#sent = 0;
    this.#isCaughtUp = false;
  }

  // admitted takes the first frame of a connection, for which claim returned claimed. It
  // returns {valid, isNewEpoch, missed}: numbers greater than valid are void, and between the
  // numbers of missed, {after, before}, are messages that won't come by themselves.
  admitted({ epoch, known, number }, claimed) {
    const isNewEpoch = epoch !== this.#epoch;
    this.#epoch = epoch;
    if (!claimed) {
      // What was known of another epoch can't be resolved. It is not needed either: see
      // Session.
      this.#own.clip(isNewEpoch ? 0 : Infinity);
      this.#last = number - 1;
      return { valid: isNewEpoch ? 0 : Infinity, isNewEpoch, missed: null };
    }
    this.#own.clip(known);
    this.#last = known;
    return { valid: known, isNewEpoch, missed: known + 1 < number ? { after: known, before: number } : null };
  }

  // pass says that no message before a number is still to come. It returns how many
  // of them were never seen.
  pass(number) {
    const unseen = Math.max(0, number - 1 - this.#last);
    this.#last = Math.max(this.#last, number - 1);
    return unseen;
  }

  // received takes a later frame. It returns what it settles, in order: an {item} of say
  // that has arrived, with its number and time, or a {message}: {name, from, text, number,
  // time, own}.
  received({ number, time, messages }) {
    const settled = [];
    // What is left out is one's own.
    while (this.#last + 1 < number) {
      const own = this.#last + 1;
      this.#own.add(own);
      this.#last = own;
      if (this.#sent > 0) {
        settled.push({ item: this.#acknowledge(own, time) });
      }
    }
    for (const message of messages) {
      settled.push(this.loaded(message));
    }
    if (messages.length === 0) {
      this.#isCaughtUp = true;
      this.#former = 0; // what was not among what this page missed never arrived
    }
    return settled;
  }

  // loaded takes a message of the history, and returns what received does for one.
  loaded(message) {
    this.#last = Math.max(this.#last, message.number);
    const item = this.recognised(message);
    return item ? { item } : { message: { ...message, own: this.#own.has(message.number) } };
  }

  // recognised returns the item of say that a message of the past is, or null. Those
  // that an earlier connection sent arrive in their order, if at all.
  recognised({ name, from, text, number, time }) {
    const [item] = this.#unacknowledged;
    const isMine = name === this.#name && (from ?? name) === name;
    if (this.#former === 0 || !isMine || text !== item.text) {
      return null;
    }
    this.#own.add(number);
    return this.#acknowledge(number, time);
  }

  #acknowledge(number, time) {
    const item = this.#unacknowledged.shift();
    this.#sent = Math.max(0, this.#sent - 1);
    this.#former = Math.max(0, this.#former - 1);
    return Object.assign(item, { number, time, unsent: false });
  }
}
