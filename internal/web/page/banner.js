// Says whether the page is connected: in the header, in a banner over the whole width if it
// is not, and once for each change to screen readers.

const $ = (id) => document.getElementById(id);

// A connection that comes back at once is no news, in milliseconds.
const blip = 400;

export class Banner {
  #reason = "";
  #next = 0; // when it is tried again
  #unsent;
  #appearing = 0;
  #ticking = 0;

  // unsent returns how many messages are not sent, retry tries again at once.
  constructor(unsent, retry) {
    this.#unsent = unsent;
    $("retry").addEventListener("click", () => {
      retry();
      $("text").focus(); // the button goes
    });
  }

  // lost says for which reason there is no connection, and in how many milliseconds the
  // next try is.
  lost(reason, pause) {
    this.#reason = reason;
    this.#next = Date.now() + pause;
    this.#stop();
    this.#show("not connected", true);
    this.#ticking = setInterval(() => this.#tick(), 1000);
    this.#tick();
    if ($("banner").hidden) {
      this.#appearing = setTimeout(() => this.#appear(), blip);
    } else {
      this.#appear();
    }
  }

  // joined says that there is a connection, in other words.
  joined(words) {
    this.#stop();
    this.#show(words, false);
    $("banner").hidden = true;
    this.#announce(words);
  }

  // left says nothing more.
  left() {
    this.#stop();
    $("banner").hidden = true;
    $("news").textContent = "";
  }

  #stop() {
    clearInterval(this.#ticking);
    clearTimeout(this.#appearing);
  }

  #appear() {
    $("banner").hidden = false;
    this.#announce(this.#reason);
  }

  #tick() {
    const seconds = Math.ceil((this.#next - Date.now()) / 1000);
    const n = this.#unsent();
    $("trouble").textContent = [
      `${this.#reason}.`,
      seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…",
      n === 0 ? "" : n === 1 ? "1 message is not sent." : `${n} messages are not sent.`,
    ].join(" ");
  }

  #show(words, isLost) {
    $("status").textContent = words;
    $("status").classList.toggle("lost", isLost);
  }

  #announce(words) {
    if ($("news").textContent !== words) {
      $("news").textContent = words;
    }
  }
}
