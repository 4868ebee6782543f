// Loads what was said before what is on the page: the last of it at first, and
// more each time one scrolls up. What fails is tried again.

import { missingWords } from "./log.js";
import { received } from "./message.js";

const near = 200; // how close to the top one scrolls for more, in pixels
const pause = 5000; // before it is tried again, unless the server says another, in milliseconds
const longestPause = 60_000;
const writing = 500; // how long what was said may not be written yet, in milliseconds

export class Older {
  #history;
  #log;
  #list;
  #session;
  #recent;
  #me;
  #isLoaded; // there is as much as one needs before one scrolls up
  #isUnwritten = false; // the newest was not there when it was asked for
  #loading = false;
  #first = 1; // there is nothing older
  #isStopped = false;
  #isFailing = false; // which was said
  #timer = 0; // runs while nothing is asked for

  constructor(history, log, list, session, recent, me, isLoaded) {
    this.#history = history;
    this.#log = log;
    this.#list = list;
    this.#session = session;
    this.#recent = recent;
    this.#me = me;
    this.#isLoaded = isLoaded;
    this.#wait(writing);
  }

  // stop has nothing loaded any more.
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  // scrolled loads more if it is wanted and nothing stands against it.
  scrolled() {
    const isWanted = !this.#isLoaded || this.#list.scrollTop < near;
    const isThere = this.#before > this.#first && !this.#log.isFull;
    if (isWanted && isThere && !this.#loading && !this.#isStopped && this.#timer === 0) {
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
      const before = this.#before;
      const messages = await this.#history.between(0, before);
      if (!this.#isStopped) {
        this.#show(messages, before);
      }
    } catch (error) {
      if (!this.#isStopped) {
        this.#failed(error);
      }
    } finally {
      this.#loading = false;
    }
  }

  // before is the number of the first message that is not to be loaded.
  get #before() {
    return this.#log.first ?? this.#session.last + 1;
  }

  #show(page, before) {
    this.#isFailing = false;
    if (before !== this.#before) {
      this.#wait(0); // the first messages left the page meanwhile
      return;
    }
    const last = page.at(-1)?.number ?? 0;
    if (last !== before - 1 && !this.#isUnwritten) {
      this.#isUnwritten = true;
      this.#wait(writing);
      return;
    }
    this.#isUnwritten = false;
    this.#isLoaded = true;
    this.#first = page.length === 0 ? before : 1;
    const items = page.map((m) => received({ ...m, own: this.#session.isOwn(m.number) }, this.#me));
    for (const item of items) {
      this.#recent.spoke(item);
    }
    const missing = last === 0 ? 0 : this.#session.countOthers(last + 1, before - 1);
    this.#log.prepend(items, missing > 0 ? missingWords(missing) : "");
  }

  #failed(error) {
    if (!this.#isFailing) {
      this.#isFailing = true;
      this.#log.note(`Older messages can't be loaded: ${error.message}`);
    }
    if (error.isFinal) {
      this.#isStopped = true;
    } else {
      this.#wait(Math.min(error.retryAfter || pause, longestPause));
    }
  }
}
