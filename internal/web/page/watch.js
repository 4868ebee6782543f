// Tells when a connection must be taken for dead, though the browser says that it is
// open: after the machine slept, or moved to another network, nothing arrives, and
// nobody says so for minutes.

// Longer than the room may be held for one client that does not read (--stall-timeout),
// during which nothing arrives either.
const patience = 15_000; // for an answer, in milliseconds

// For the answer to a probe. A room that is held answers later: the page then connects
// anew, by which nothing is lost.
const probePatience = 2000;

// After as much time without a look at the clock, the machine may have slept. A page that
// nobody sees has its timers run once a minute, which costs a probe each.
const sleep = 5000;

const interval = 1000;

export class Watch {
  #isAwaiting;
  #probe;
  #dead;
  #since = 0; // when something arrived, or was sent while nothing was awaited
  #looked = 0; // when the clock was looked at
  #timer = 0;
  #probing = 0; // the timer of a probe that is not answered

  // isAwaiting tells whether the server has to answer something. probe sends something
  // that it answers at once, and tells whether that is possible. dead is called when it
  // should have answered.
  constructor(isAwaiting, probe, dead) {
    this.#isAwaiting = isAwaiting;
    this.#probe = probe;
    this.#dead = dead;
    document.addEventListener("visibilitychange", () => document.hidden || this.#startProbe());
    addEventListener("focus", () => this.#startProbe());
    addEventListener("pageshow", (event) => this.#timer && event.persisted && this.#dead());
  }

  start() {
    clearInterval(this.#timer);
    this.#looked = Date.now();
    this.restart();
    this.#timer = setInterval(() => this.#look(), interval);
  }

  stop() {
    this.#endProbe();
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  // restart is called before something is sent while nothing is awaited.
  restart() {
    this.#since = Date.now();
  }

  // arrived is called when something arrived.
  arrived() {
    this.#endProbe();
    this.restart();
  }

  #startProbe() {
    if (this.#timer && !this.#probing && this.#probe()) {
      this.#probing = setTimeout(() => this.#dead(), probePatience);
    }
  }

  #endProbe() {
    clearTimeout(this.#probing);
    this.#probing = 0;
  }

  #look() {
    const now = Date.now();
    const isAsleep = now - this.#looked > sleep;
    this.#looked = now;
    if (this.#isAwaiting() && now - this.#since > patience) {
      this.#dead();
    } else if (isAsleep) {
      this.#startProbe();
    }
  }
}
