// Loads what was said before what is on the page: the last of it at first, and
// more each time one scrolls up. What fails is tried again.

import { overlap } from "./history.js";
import { received } from "./log.js";

const near = 200; // how close to the top one scrolls for more, in pixels
const pause = 5000; // before it is tried again, unless the server says another, in milliseconds
const longestPause = 60_000;

export class Older {
  #history;
  #log;
  #list;
  #me;
  #oldest = 0; // the sequence of the first message on the page; 0 before any
  #loading = false;
  #isAll = false; // there is nothing older
  #isFailing = false; // which was said
  #timer = 0; // runs while nothing is asked for

  constructor(history, log, list, me) {
    this.#history = history;
    this.#log = log;
    this.#list = list;
    this.#me = me;
    this.#wait(500); // what is said now may not be written yet
  }

  // stop has nothing loaded any more.
  stop() {
    this.#isAll = true;
    clearTimeout(this.#timer);
  }

  // scrolled loads more if it is wanted and nothing stands against it.
  scrolled() {
    const isWanted = this.#oldest === 0 || this.#list.scrollTop < near;
    if (isWanted && !this.#loading && !this.#isAll && this.#timer === 0 && !this.#log.isFull) {
      this.#load();
    }
  }

  #wait(time) {
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.scrolled();
    }, time);
  }

  async #load() {
    this.#loading = true;
    try {
      const messages = await this.#history.before(this.#oldest);
      if (!this.#isAll) {
        this.#show(messages.map((m) => received(m, this.#me)));
      }
    } catch (error) {
      if (!this.#isAll) {
        this.#failed(error);
      }
    } finally {
      this.#loading = false;
    }
  }

  #show(page) {
    this.#isFailing = false;
    this.#isAll = page.length === 0 || page[0].sequence === 1;
    const doubled = this.#oldest === 0 ? overlap(page, this.#log.messages) : 0;
    this.#oldest = page[0]?.sequence ?? this.#oldest;
    this.#log.prepend(page.slice(0, page.length - doubled));
  }

  #failed(error) {
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#log.note(`Older messages can't be loaded: ${error.message}`);
    }
    if (error.isFinal) {
      this.#isAll = true;
    } else {
      this.#wait(Math.min(error.retryAfter || pause, longestPause));
    }
  }
}
