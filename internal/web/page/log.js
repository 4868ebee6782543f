// The list of messages: what is new is drawn once a frame, however much it is,
// and old messages leave the page, so that it stays as fast as it was.

import { hue, showName, showWithLinks, trim } from "./text.js";

const maxLive = 2000; // messages that stay while new ones come
const maxLoaded = 6000; // with those that were loaded by scrolling up
const groupWindow = 5 * 60 * 1000; // a name is shown once for messages within this time, in milliseconds

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});

// received returns a message that came for the user me. It is never one's own,
// whatever name it has: those are not sent back. In the history, from is the name
// that its sender joined with.
export function received({ name, from, text, time, sequence }, me) {
  name = trim(name);
  from ??= name;
  return { name, from, text, time, sequence, own: false, isNamesake: from === me && name === me };
}

// element returns a message as it is shown. A message is {name, text, time, own},
// or what received returns.
export function element(message, before) {
  const article = document.createElement("article");
  article.className = message.own ? "message own" : "message";
  const follows =
    before &&
    before.name === message.name &&
    before.from === message.from &&
    before.own === message.own &&
    message.time - before.time < groupWindow &&
    sameDay(before.time, message.time);
  article.classList.toggle("follows", Boolean(follows));
  article.classList.toggle("unsent", Boolean(message.unsent));

  const header = document.createElement("header");
  const name = document.createElement("b");
  name.className = follows || message.own ? "unseen" : "name";
  name.dir = "auto";
  const from = message.from ?? message.name;
  name.style.setProperty("--hue", hue(from));
  showName(name, from);
  const time = document.createElement("time");
  time.dateTime = message.time.toISOString();
  time.textContent = clock.format(message.time);
  time.title = `${calendar.format(message.time)}, ${message.time.toLocaleTimeString()}`;
  header.append(name, " ");
  if (!follows && from !== message.name) {
    const claimed = document.createElement("b");
    claimed.dir = "auto";
    showName(claimed, message.name);
    header.append(remark("writes as “", claimed, "”"), " ");
  } else if (!follows && message.isNamesake) {
    header.append(remark("your name, but not from this page"), " ");
  }
  header.append(time);

  const text = document.createElement("p");
  text.className = "text";
  text.dir = "auto";
  showWithLinks(text, message.text);
  article.append(header, text);
  return article;
}

function remark(...words) {
  const small = document.createElement("small");
  small.className = "remark";
  small.append(...words);
  return small;
}

const sameDay = (a, b) => a.toDateString() === b.toDateString();

function day(time) {
  const border = document.createElement("div");
  border.className = "day";
  border.setAttribute("role", "separator");
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  border.textContent = sameDay(time, today) ? "Today" : sameDay(time, yesterday) ? "Yesterday" : calendar.format(time);
  return border;
}

export class Log {
  #list;
  #button; // shows how many new messages there are below
  #messages = []; // those on the page, the oldest first
  #elements = new Map(); // by message
  #queue = []; // not drawn yet
  #missed = 0;
  #scheduled = false;
  #sticks = true; // the last message is in view

  constructor(list, button) {
    this.#list = list;
    this.#button = button;
    list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => {
      this.#toBottom();
      list.focus();
    });
    new ResizeObserver(() => this.#sticks && this.#toBottom()).observe(list);
  }

  // add puts a message at the end. A message of one's own is scrolled to.
  add(message) {
    this.#queue.push(message);
    if (this.#queue.length > 2 * maxLive) {
      this.#queue.splice(0, maxLive); // nobody will see them
    }
    this.#schedule();
  }

  // note puts a remark between messages.
  note(text) {
    this.#draw();
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = text;
    this.#list.append(note);
    if (this.#sticks) {
      this.#toBottom();
    }
  }

  // sent shows that a message is on its way.
  sent(message) {
    message.unsent = false;
    this.#elements.get(message)?.classList.remove("unsent");
  }

  // prepend puts older messages before all others. What is in view stays there.
  prepend(older) {
    this.#draw();
    const fragment = document.createDocumentFragment();
    for (const [i, message] of older.entries()) {
      this.#build(fragment, message, older[i - 1]);
    }
    const first = this.#messages[0];
    if (first && older.length > 0) {
      if (sameDay(older.at(-1).time, first.time) && this.#list.querySelector(".day")) {
        this.#list.querySelector(".day").remove();
      }
    }
    const { scrollHeight } = this.#list;
    const top = this.#list.scrollTop;
    this.#list.prepend(fragment);
    this.#list.scrollTop = top + this.#list.scrollHeight - scrollHeight;
    this.#messages.unshift(...older);
  }

  get messages() {
    return [...this.#messages, ...this.#queue];
  }

  get isFull() {
    return this.#messages.length >= maxLoaded;
  }

  clear() {
    this.#list.replaceChildren();
    this.#messages = [];
    this.#queue = [];
    this.#elements.clear();
    this.#sticks = true;
    this.#count(0);
  }

  // A page that can't be seen gets no frames.
  #schedule() {
    if (this.#scheduled) {
      return;
    }
    this.#scheduled = true;
    const draw = () => {
      this.#scheduled = false;
      this.#draw();
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
    const shown = fresh.slice(-maxLive);
    if (shown.length < fresh.length) {
      this.clear();
    }
    const fragment = document.createDocumentFragment();
    for (const message of shown) {
      const article = this.#build(fragment, message, this.#messages.at(-1));
      article.classList.toggle("arrives", shown.length < 4);
      this.#messages.push(message);
    }
    this.#list.append(fragment);
    if (fresh.some((message) => message.own)) {
      this.#sticks = true;
    }
    this.#trim(this.#sticks ? maxLive : maxLoaded);
    if (this.#sticks) {
      this.#toBottom();
    } else {
      this.#count(this.#missed + fresh.length);
    }
  }

  #build(parent, message, before) {
    if (!before || !sameDay(before.time, message.time)) {
      parent.append(day(message.time));
    }
    const article = element(message, before);
    this.#elements.set(message, article);
    parent.append(article);
    return article;
  }

  // trim takes the oldest messages off the page, down to some number.
  #trim(limit) {
    const excess = this.#messages.length - limit;
    if (excess <= 0) {
      return;
    }
    for (const message of this.#messages.splice(0, excess)) {
      this.#elements.delete(message);
    }
    const first = this.#elements.get(this.#messages[0]);
    const { scrollHeight } = this.#list;
    const top = this.#list.scrollTop;
    const range = document.createRange();
    range.setStart(this.#list, 0);
    range.setEndBefore(first);
    range.deleteContents();
    this.#list.scrollTop = top + this.#list.scrollHeight - scrollHeight;
  }

  #toBottom() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#sticks = true;
    this.#count(0);
  }

  #scrolled() {
    const below = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight;
    this.#sticks = below < 40;
    if (this.#sticks) {
      this.#count(0);
    }
  }

  #count(missed) {
    this.#missed = missed;
    this.#button.hidden = missed === 0;
    this.#button.textContent = missed > 0 ? `${missed} new ↓` : "";
  }
}
