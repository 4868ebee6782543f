// The people that said something recently. The protocol does not say which are in the room.

import { paint } from "./colours.js";
import { plainName, showName } from "./text.js";

const window = 24 * 60 * 60 * 1000; // what is recent, in milliseconds
const most = 20; // people
const interval = 20_000; // after which the times are written anew

const ago = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export class Recent {
  #menu;
  #list;
  #times = new Map(); // when each name last said something

  // menu is the element that is opened to see the list.
  constructor(menu, list) {
    this.#menu = menu;
    this.#list = list;
    menu.addEventListener("toggle", () => this.#draw());
    setInterval(() => this.#draw(), interval);
  }

  // spoke notes that a message was said, now or before.
  spoke({ from, time, own }) {
    if (own || Date.now() - time > window || time < this.#times.get(from)) {
      return;
    }
    this.#times.set(from, time);
    if (this.#times.size > most) {
      this.#times.delete(this.#sorted().at(-1)[0]);
    }
    this.#menu.hidden = false;
  }

  clear() {
    this.#times.clear();
    this.#menu.open = false;
    this.#menu.hidden = true;
  }

  #sorted() {
    return [...this.#times].sort(([, a], [, b]) => b - a);
  }

  #draw() {
    for (const [name, time] of this.#times) {
      if (Date.now() - time > window) {
        this.#times.delete(name);
      }
    }
    this.#menu.hidden = this.#times.size === 0;
    const people = this.#menu.open ? this.#sorted() : [];
    this.#list.replaceChildren(...people.map(([name, time]) => line(name, time)));
  }
}

function line(name, time) {
  const item = document.createElement("li");
  const who = document.createElement("b");
  who.className = "name";
  who.dir = "auto";
  who.title = plainName(name);
  showName(who, name);
  paint(who, name);
  const when = document.createElement("time");
  when.dateTime = time.toISOString();
  when.title = time.toLocaleString();
  when.textContent = since(time);
  item.append(who, " ", when);
  return item;
}

function since(time) {
  const minutes = Math.floor((Date.now() - time) / 60_000);
  return minutes < 1
    ? ago.format(0, "second")
    : minutes < 60
      ? ago.format(-minutes, "minute")
      : ago.format(-Math.floor(minutes / 60), "hour");
}
