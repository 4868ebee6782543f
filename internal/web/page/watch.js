// Tells when a connection must be taken for dead, though the browser says that it is
// open: after the machine slept, or moved to another network, nothing arrives, and
// nobody says so for minutes.

// Longer than the room may be held for one client that does not read (--stall-timeout),
// during which nothing arrives either.
const patience = 15_000; // for an answer, in milliseconds

// After as much time without a look at the clock, the machine slept. A page that nobody
// sees has its timers run once a minute.
const sleep = 90_000;

const interval = 1000;

export class Watch {
  #isAwaiting;
  #dead;
  #since = 0; // when something arrived, or was sent while nothing was awaited
  #looked = 0; // when the clock was looked at
  #timer = 0;

  // isAwaiting tells whether the server has to answer something. dead is called when
  // it should have.
  constructor(isAwaiting, dead) {
    this.#isAwaiting = isAwaiting;
    this.#dead = dead;
    document.addEventListener("visibilitychange", () => this.#timer && this.#look());
    addEventListener("pageshow", (event) => this.#timer && event.persisted && this.#dead());
  }

  start() {
    clearInterval(this.#timer);
    this.#looked = Date.now();
    this.restart();
    this.#timer = setInterval(() => this.#look(), interval);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  // restart is called when something arrived, and before something is sent while
  // nothing is awaited.
  restart() {
    this.#since = Date.now();
  }

  #look() {
    const now = Date.now();
    const isAsleep = now - this.#looked > sleep;
    this.#looked = now;
    if (isAsleep || (this.#isAwaiting() && now - this.#since > patience)) {
      this.#dead();
    }
  }
}
