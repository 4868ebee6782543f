// A connection to the room that comes back when it breaks. It knows frames and
// nothing of what is in them.

import { hasStopped, window as longestPause } from "./pause.js";
import { Watch } from "./watch.js";
import { decodeAdmission, decodeFrame, encode, subprotocol } from "./wire.js";

// client is by what servers know this page again: they end a former connection, and take all
// that came over it, before they let the page in. A copy of the tab has another.
const bytes = crypto.getRandomValues(new Uint8Array(8));
export const client = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

// refusals are why we are not let in, by the code with which the server closes.
const refusals = { 1013: "draining", 4401: "wrongKey", 4403: "kicked", 4409: "nameTaken", 4503: "roomFull" };

// A Connection calls the functions of on:
//
//	claim()                what the server is told that the page has, {epoch, after}, or null
//	at()                   {client, from}: this page, and the server that may yet deliver
//	                       something of it, or "0"
//	isAwaiting()           tells whether something has to be acknowledged
//	admitted(frame, claim) the room let us in
//	received(frame)        a later frame came
//	broken()               nothing more comes of this connection
//	failed(why, words)     we are not in the room, and it is not tried again
//	lost(pause, why)       the next try is in so many milliseconds
//
// Why is "wrongKey", "nameTaken", "roomFull", "refused" (one of them), "draining" (nobody is let
// in for now), "kicked" (by an operator, perhaps with words), "unreachable", "barred" (no key of
// this address is looked at), "unspoken" (no WebSocket of this subprotocol) or undefined (we
// were in the room).
export class Connection {
  #on;
  #watch;
  #name = "";
  #key = "";
  #socket = null;
  #isJoined = false; // now
  #isWanted = false; // it is tried again
  #tries = 0; // in vain, since it was last joined
  #code = 0; // with which it was closed then
  #attempt = 0; // a number for each time a connection begins or ends
  #timer = 0;

  constructor(on) {
    this.#on = on;
    this.#watch = new Watch(
      () => !this.#isJoined || on.isAwaiting(),
      () => this.#probe(),
      () => (this.#isJoined ? this.#anew() : this.#closed("unreachable")),
    );
    // On another network the connection is dead.
    addEventListener("online", () => this.#isWanted && this.#anew());
    addEventListener("offline", () => this.#socket && this.#closed("unreachable"));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#isWanted && !this.#socket) {
        this.#anew();
      }
    });
  }

  // join begins to join. If again is set, a refusal is no answer: the server may not know yet
  // that this page was left before it was loaded again.
  join(name, key, again) {
    this.#name = name;
    this.#key = key;
    this.#isWanted = again;
    this.#tries = this.#code = 0;
    this.#open();
  }

  // rejoin joins again, with another key, which the room may refuse.
  rejoin(key) {
    this.#close();
    this.join(this.#name, key, false);
  }

  // retry connects again at once.
  retry() {
    if (this.#isWanted && !this.#isJoined) {
      this.#anew();
    }
  }

  // send sends a text. isAwaiting tells whether something before it is awaited.
  send(text, isAwaiting) {
    if (!isAwaiting) {
      this.#watch.restart();
    }
    this.#socket.send(encode(this.#name, text));
  }

  leave() {
    this.#isWanted = false;
    this.#close();
  }

  #open() {
    this.#attempt++;
    clearTimeout(this.#timer);
    const claim = this.#on.claim();
    const url = new URL("ws", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.search = new URLSearchParams({ motd: 1, ...this.#on.at(), ...claim });
    url.hash = "";
    const socket = new WebSocket(url, subprotocol);
    socket.binaryType = "arraybuffer";
    let why = "unreachable";
    socket.onopen = () => {
      why = socket.protocol === subprotocol ? "refused" : "unspoken";
      if (why === "unspoken") {
        socket.close();
      } else if (socket === this.#socket) {
        socket.send(encode(this.#name, this.#key));
      }
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) {
        this.#receive(event.data, claim);
      }
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) {
        this.#closed(why === "refused" ? (refusals[event.code] ?? why) : why, event.code, event.reason);
      }
    };
    this.#socket = socket;
    this.#watch.start();
  }

  #receive(data, claim) {
    this.#watch.arrived();
    const frame = this.#isJoined ? decodeFrame(data) : decodeAdmission(data);
    if (!frame) {
      this.#closed("unspoken");
    } else if (this.#isJoined) {
      this.#on.received(frame);
    } else {
      this.#isJoined = this.#isWanted = true;
      this.#tries = this.#code = 0;
      this.#on.admitted(frame, claim);
    }
  }

  // probe sends an empty frame, which the server answers with another.
  #probe() {
    if (this.#isJoined) {
      this.#socket.send(new Uint8Array());
    }
    return this.#isJoined;
  }

  // close has nothing more come of the socket.
  #close() {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#watch.stop();
    const socket = this.#socket;
    this.#socket = null;
    this.#isJoined = false;
    socket?.close();
    this.#on.broken();
  }

  // anew leaves a socket that is good for nothing, and connects again at once.
  #anew() {
    this.#close();
    this.#tries = 0;
    this.#on.lost(0);
    this.#open();
  }

  async #closed(why, code, words) {
    const reason = this.#isJoined && why !== "kicked" ? undefined : why;
    this.#close();
    if (why === "kicked") {
      this.#isWanted = false;
    }
    if (hasStopped(code)) {
      this.#code = code;
    }
    const next = Date.now() + Math.random() * longestPause(this.#tries++, this.#code);
    if (this.#isWanted) {
      this.#timer = setTimeout(() => this.#open(), next - Date.now());
    }
    const attempt = this.#attempt;
    const known = reason === "unreachable" ? await whyClosed() : reason;
    if (attempt !== this.#attempt) {
      return; // it went on meanwhile
    }
    if (this.#isWanted) {
      this.#on.lost(next - Date.now(), known);
    } else {
      this.#on.failed(known, words);
    }
  }
}

// whyClosed asks why no WebSocket is opened, which a browser does not say.
async function whyClosed() {
  try {
    const { ok, status } = await fetch("api/room", { cache: "no-store", signal: AbortSignal.timeout(2000) });
    return ok ? "unspoken" : status === 403 || status === 429 ? "barred" : "unreachable";
  } catch {
    return "unreachable";
  }
}
