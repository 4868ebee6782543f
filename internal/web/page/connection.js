// A connection to the room that comes back when it breaks. What is said while
// there is none waits, and is sent then.

import { decode, decodeName, encode, nameSize, size } from "./wire.js";

const firstPause = 1000; // milliseconds
const longestPause = 15000;

// A Connection calls the functions of on:
//
//	joined(again)      the room let us in
//	refused()          it did not: the key is wrong, or the room is full
//	unreachable()      there is nobody to ask
//	lost(pause, why)   the next try is in so many milliseconds; why is one of the two above, or nothing
//	message({name, text, from}) from is set if the sender joined with another name
//	sent(item)         an item of say is on its way
export class Connection {
  #on;
  #name = "";
  #key = "";
  #socket = null;
  #from = undefined; // the name of the next sender, if the message has another
  #joined = false; // now
  #wasJoined = false; // ever; from then on it is tried again
  #pause = firstPause;
  #timer = 0;
  #waiting = []; // to be sent
  #underway = []; // handed to the browser, perhaps not sent yet

  constructor(on) {
    this.#on = on;
    addEventListener("online", () => this.#retry());
    addEventListener("offline", () => this.#socket?.close());
  }

  // join begins to join. If again is set, a refusal is not taken for an answer:
  // the server may not know yet that this page was left before it was loaded
  // again.
  join(name, key, again) {
    this.#name = name;
    this.#key = key;
    this.#wasJoined = again;
    this.#pause = firstPause;
    this.#open();
  }

  // say sends an item's text, now or when it is possible.
  say(item) {
    this.#waiting.push(item);
    this.#send();
  }

  get unsent() {
    return this.#waiting.length;
  }

  leave() {
    clearTimeout(this.#timer);
    this.#wasJoined = this.#joined = false;
    this.#waiting = [];
    this.#underway = [];
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #open() {
    clearTimeout(this.#timer);
    const url = new URL("ws", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const socket = new WebSocket(url, "sop-chat.names");
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      socket.send(encode(this.#name, this.#key));
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) {
        this.#receive(event.data);
      }
    };
    socket.onclose = () => {
      if (socket === this.#socket) {
        this.#closed(opened);
      }
    };
    this.#socket = socket;
    this.#from = undefined;
  }

  #receive(data) {
    if (data.byteLength === nameSize) {
      this.#from = decodeName(new Uint8Array(data));
      return;
    }
    for (let at = 0; at + size <= data.byteLength; at += size) {
      const message = new Uint8Array(data, at, size);
      if (this.#joined) {
        this.#on.message({ ...decode(message), from: this.#from });
        this.#from = undefined;
        continue;
      }
      // The first thing ever received is the echo of name and key.
      const again = this.#wasJoined;
      this.#joined = this.#wasJoined = true;
      this.#pause = firstPause;
      this.#on.joined(again);
      this.#send();
    }
  }

  #send() {
    if (!this.#joined || this.#socket.readyState !== WebSocket.OPEN) {
      return;
    }
    while (this.#waiting.length > 0) {
      const item = this.#waiting.shift();
      this.#socket.send(encode(this.#name, item.text));
      this.#underway.push(item);
      this.#on.sent(item);
    }
    this.#underway = this.#unsentOf(this.#underway);
  }

  // unsentOf returns the last of some items, those that the browser still has.
  #unsentOf(items) {
    const left = Math.ceil(this.#socket.bufferedAmount / size);
    return left > 0 ? items.slice(-left) : [];
  }

  #closed(opened) {
    const joined = this.#joined;
    this.#joined = false;
    this.#waiting.unshift(...this.#unsentOf(this.#underway));
    this.#underway = [];
    this.#socket = null;
    const why = joined ? undefined : opened ? "refused" : "unreachable";
    if (!this.#wasJoined) {
      this.#on[why]();
      return;
    }
    const pause = Math.round(this.#pause * (0.75 + Math.random() / 2)); // not everybody at once
    this.#pause = Math.min(2 * this.#pause, longestPause);
    this.#timer = setTimeout(() => this.#open(), pause);
    this.#on.lost(pause, why);
  }

  // retry does not wait any longer.
  #retry() {
    if (this.#wasJoined && !this.#socket) {
      this.#pause = firstPause;
      this.#open();
    }
  }
}
