// The list of messages: what is new is drawn once a frame, of a burst only what is in
// view at first, and old messages leave the page, so that it stays as fast as it was.

import { isLookedAt } from "./alerts.js";
import { day, keepTrue, sameDay } from "./days.js";
import { element, isSameGroup, showTime } from "./message.js";

const maxLive = 2000; // messages that stay while new ones come
const maxLoaded = 6000; // with those that were loaded by scrolling up
const maxDrawn = 100; // at once, if there are more
const rest = 4; // times as long as drawing takes, there is none: others need the processor, too
const longestRest = 250; // milliseconds
const lone = 1000; // after as much time a message arrives visibly, in milliseconds: to show that takes frames
const calm = 100; // how long after a burst the others are drawn, in milliseconds
// missingWords says that messages are not where they were said.
export const missingWords = (n) => (n === 1 ? "1 message is missing here." : `${n} messages are missing here.`);

function note(words) {
  const p = document.createElement("p");
  p.className = "note";
  p.textContent = words;
  return p;
}

function divider() {
  const border = document.createElement("div");
  border.className = "unread";
  border.setAttribute("role", "separator");
  border.textContent = "New";
  return border;
}

function unseen(words) {
  const small = document.createElement("small");
  small.className = "unseen";
  small.textContent = words;
  return small;
}

// A Log has messages in the order of their numbers, and below them those of this page
// that have not arrived, in the order in which they were said. They arrive in that
// order, too, so the first of them is in its place when it does.
export class Log {
  #list;
  #button; // shows how many new messages there are below
  #messages = []; // those on the page, the oldest first
  #undrawn = []; // messages and elements before them that are drawn when a burst is over
  #said = []; // those below them
  #elements = new Map(); // by message
  #queue = []; // messages and elements before them that came and are not drawn yet
  #isMention; // tells whether a message mentions the user
  #missed = 0;
  #divider = null; // stands before what is unread
  #isRead = true; // what is on the page
  #scheduled = false; // until what is drawn is on the screen
  #next = Number.NEGATIVE_INFINITY; // when it is drawn again at the earliest
  #filling = 0; // runs until some of them are drawn
  #sticks = true; // the last message is in view

  constructor(list, button, isMention) {
    this.#list = list;
    this.#button = button;
    this.#isMention = isMention;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => {
      this.toBottom();
      list.focus();
    });
    list.addEventListener("animationstart", () => this.#sticks && this.toBottom()); // a state makes a message higher
    addEventListener("focus", () => this.#read());
    document.addEventListener("visibilitychange", () => this.#read());
    keepTrue(list);
    new ResizeObserver(() => this.#sticks && this.toBottom()).observe(list);
  }

  // add puts a message at the end: one that came, or the first of say, which has
  // arrived. A divider is put before the first that is unread: new, and not in view.
  add(message, isNew = false) {
    this.#read();
    if (isNew && this.#isRead && !(this.#sticks && isLookedAt())) {
      this.#isRead = false;
      this.#dropDivider();
      this.#divider = divider();
      this.#queue.push(this.#divider);
    }
    this.#queue.push(message);
    if (this.#queue.length > 2 * maxLive) {
      this.#draw(); // a page that nobody sees is drawn seldom
    }
    this.#schedule();
  }

  // say puts a message of this page below all others. It is scrolled to.
  say(message) {
    const article = element(message, this.#said.at(-1) ?? this.#messages.at(-1));
    this.#elements.set(message, article);
    this.#said.push(message);
    this.#dropDivider(); // what was unread is answered
    this.#list.append(article);
    this.toBottom();
  }

  // mark says in words what is known of a message of say, "" for nothing.
  mark(message, words) {
    const header = this.#elements.get(message)?.querySelector("header");
    let state = header?.querySelector(".state");
    if (header && words && !state) {
      state = document.createElement("small");
      state.className = "state";
      header.append(state);
    }
    if (state && state.textContent !== words) {
      state.textContent = words;
    }
  }

  // withdraw takes a message of say off the page, if it is one.
  withdraw(message) {
    if (!this.#said.includes(message)) {
      return;
    }
    this.#said = this.#said.filter((other) => other !== message);
    this.#elements.get(message).remove();
    this.#elements.delete(message);
  }

  // note puts a remark at the end.
  note(words) {
    this.#queue.push(note(words));
    this.#schedule();
  }

  // prepend puts older messages before all others, and a remark behind them. What is in
  // view stays there.
  prepend(older, remark) {
    this.#draw();
    while (this.#undrawn.length > 0) {
      this.#fill();
    }
    this.#prepend(remark ? [...older, note(remark)] : older);
    if (this.#sticks) {
      this.#trim(maxLive);
    }
  }

  #prepend(entries, before) {
    const [first] = this.#messages;
    const oldest = entries.find(isMessage);
    const older = [];
    const fragment = document.createDocumentFragment();
    for (const entry of entries) {
      if (!isMessage(entry)) {
        fragment.append(entry);
        continue;
      }
      try {
        if (entry === oldest && before && sameDay(before.time, entry.time)) {
          fragment.append(day(entry.time)); // the first message on the page has its day above it
        }
        this.#build(fragment, entry, before);
        older.push(entry);
        before = entry;
      } catch (error) {
        reportError(error); // the others are shown all the same
      }
    }
    this.#keepView(() => {
      if (first && before && sameDay(before.time, first.time)) {
        this.#list.querySelector(".day")?.remove();
        if (isSameGroup(first, before)) {
          this.#rebuild(first, before);
        }
      }
      this.#list.prepend(fragment);
    });
    this.#messages.unshift(...older);
  }

  // void takes the numbers that are greater than the last valid one off their
  // messages.
  void(valid) {
    for (const message of [...this.#undrawn, ...this.#messages, ...this.#queue]) {
      if (message.number > valid) {
        message.number = undefined;
      }
    }
  }

  // first returns the smallest number of a message, undefined if none has one.
  get first() {
    return (this.#undrawn.find(hasNumber) ?? this.#messages.find(hasNumber) ?? this.#queue.find(hasNumber))?.number;
  }

  get isFull() {
    return this.#undrawn.length + this.#messages.length >= maxLoaded;
  }

  // clear takes all messages off the page but those that have not arrived.
  clear() {
    this.#draw();
    this.#undrawn = [];
    this.#empty();
    this.#sticks = true;
    this.toBottom();
  }

  // clearAll takes those off, too.
  clearAll() {
    this.#said = [];
    this.clear();
  }

  #schedule() {
    if (!this.#scheduled) {
      this.#scheduled = true;
      const pause = this.#next - performance.now();
      if (pause > 0) {
        setTimeout(() => this.#atFrame(), pause);
      } else {
        this.#atFrame();
      }
    }
  }

  // atFrame draws with the next frame. A page that can't be seen gets none.
  #atFrame() {
    const draw = () => {
      const began = performance.now();
      this.#draw();
      setTimeout(() => {
        const now = performance.now(); // the frame is on the screen
        this.#next = now + Math.min(rest * (now - began), longestRest);
        this.#scheduled = false;
        if (this.#queue.length > 0) {
          this.#schedule();
        }
      });
    };
    if (document.hidden) {
      setTimeout(draw, 200);
    } else {
      requestAnimationFrame(draw);
    }
  }

  #draw() {
    if (this.#queue.length === 0) {
      return;
    }
    const fresh = this.#queue.splice(0);
    const most = this.#sticks ? maxDrawn : maxLive;
    const shown = fresh.slice(-most);
    if (shown.length < fresh.length) {
      this.#undraw(fresh.slice(0, -most));
    }
    const fragment = document.createDocumentFragment();
    const isAlone = shown.length < 4 && performance.now() - this.#next > lone;
    for (const entry of shown) {
      try {
        this.#drawEntry(fragment, entry, isAlone);
      } catch (error) {
        reportError(error); // the others are shown all the same
      }
    }
    this.#insert(fragment);
    this.#trim(this.#sticks ? maxLive : maxLoaded);
    if (this.#sticks) {
      this.toBottom();
    } else {
      this.#count(this.#missed + fresh.filter((entry) => entry.number && !entry.own).length);
    }
  }

  // drawEntry appends an entry of the queue to a fragment; if it is on the page, the
  // fragment is inserted before it.
  #drawEntry(fragment, entry, isAlone) {
    if (!isMessage(entry)) {
      fragment.append(entry);
      return;
    }
    const before = this.#messages.at(-1);
    if (entry === this.#said[0]) {
      if (!before || !sameDay(before.time, entry.time)) {
        fragment.append(day(entry.time));
      }
      this.#insert(fragment);
      this.#said.shift();
      const article = this.#elements.get(entry);
      article.classList.remove("unsent");
      article.querySelector(".state")?.remove();
      article.classList.toggle("follows", isSameGroup(entry, before));
      showTime(article.querySelector("time"), entry.time);
    } else {
      this.#build(fragment, entry, before).classList.toggle("arrives", isAlone);
    }
    this.#messages.push(entry);
  }

  // insert puts what is in a fragment before the messages that have not arrived.
  #insert(fragment) {
    this.#list.insertBefore(fragment, this.#elements.get(this.#said[0]) ?? null);
  }

  #build(parent, message, before) {
    if (!before || !sameDay(before.time, message.time)) {
      parent.append(day(message.time));
    }
    const article = this.#element(message, before);
    parent.append(article);
    return article;
  }

  // rebuild draws a message anew behind the one that is before it now.
  #rebuild(message, before) {
    const former = this.#elements.get(message);
    former.replaceWith(this.#element(message, before));
  }

  #element(message, before) {
    const article = element(message, before);
    if (this.#isMention(message)) {
      article.classList.add("mention");
      article.querySelector("header").append(unseen("mentions you"));
    }
    this.#elements.set(message, article);
    return article;
  }

  // undraw takes all messages off the page but those that have not arrived, to draw them
  // again later, and others behind them.
  #undraw(fresh) {
    for (const entry of fresh) {
      this.withdraw(entry);
    }
    const messages = new Map(this.#messages.map((message) => [this.#elements.get(message), message]));
    const said = new Set(this.#said.map((message) => this.#elements.get(message)));
    const drawn = [...this.#list.children].filter((child) => child.className !== "day" && !said.has(child));
    this.#undrawn.push(...drawn.map((child) => messages.get(child) ?? child), ...fresh.slice(-maxLive));
    this.#undrawn.splice(0, this.#undrawn.length - maxLive);
    this.#empty();
    clearTimeout(this.#filling);
    this.#filling = setTimeout(() => this.#fill(), calm);
  }

  // fill draws the last of those that were left out.
  #fill() {
    clearTimeout(this.#filling);
    this.#trim(this.#sticks ? maxLive : maxLoaded);
    const entries = this.#undrawn.splice(-maxDrawn);
    this.#prepend(entries, this.#undrawn.findLast(isMessage));
    if (this.#sticks) {
      this.toBottom();
    }
    if (this.#undrawn.length > 0) {
      this.#filling = setTimeout(() => this.#fill());
    }
  }

  #empty() {
    const said = this.#said.map((message) => [message, this.#elements.get(message)]);
    this.#list.replaceChildren(...said.map(([, article]) => article));
    this.#elements = new Map(said);
    this.#messages = [];
  }

  // trim takes the oldest messages off the page, down to some number.
  #trim(limit) {
    let excess = this.#undrawn.length + this.#messages.length - limit;
    excess -= this.#undrawn.splice(0, Math.max(0, excess)).length;
    if (excess <= 0) {
      return;
    }
    for (const message of this.#messages.splice(0, excess)) {
      this.#elements.delete(message);
    }
    const range = document.createRange();
    range.setStart(this.#list, 0);
    range.setEndBefore(this.#elements.get(this.#messages[0]));
    this.#keepView(() => {
      range.deleteContents();
      this.#list.prepend(day(this.#messages[0].time));
    });
  }

  // keepView does something to what is above the messages in view, which stay there.
  #keepView(change) {
    const { scrollHeight, scrollTop } = this.#list;
    change();
    this.#list.scrollTop = scrollTop + this.#list.scrollHeight - scrollHeight;
  }

  toBottom() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#sticks = true;
    this.#count(0);
  }

  #scrolled() {
    const below = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight;
    this.#sticks = below < 40;
    this.#count(this.#sticks ? 0 : this.#missed);
  }

  #dropDivider() {
    const isOther = (entry) => entry !== this.#divider;
    this.#divider?.remove();
    this.#queue = this.#queue.filter(isOther);
    this.#undrawn = this.#undrawn.filter(isOther);
  }

  // read notes that all that is drawn has been seen, if it is in view.
  #read() {
    this.#isRead ||= this.#sticks && isLookedAt();
  }

  #count(missed) {
    this.#missed = missed;
    this.#button.hidden = this.#sticks;
    this.#button.textContent = missed > 0 ? `${missed} new ↓` : "Jump to latest ↓";
  }
}

const isMessage = (entry) => !(entry instanceof Node);
const hasNumber = (entry) => entry.number !== undefined;
