// The dialog that searches what was said, and shows what was said around it.

import { day, sameDay } from "./days.js";
import { element } from "./message.js";

const around = 50; // messages before and after one
const further = 100; // that the server sends at once

export class Search {
  #history;
  #received;
  #found; // says what there is
  #list;
  #back; // to the hits
  #hits = []; // as they are shown
  #top = 0; // where the hits were scrolled to
  #asked = 0; // a number for each request, of which only the last is shown

  // history returns the room's History. received makes a message of it one that can be shown.
  constructor(dialog, history, received) {
    this.#history = history;
    this.#received = received;
    const [find, back] = ["#find", "#back"].map((id) => dialog.querySelector(id));
    [this.#found, this.#list, this.#back] = [dialog.querySelector("#found"), dialog.querySelector("#hits"), back];
    find.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find(find.querySelector("#words").value);
    });
    back.addEventListener("click", () => this.#showHits());
  }

  // forget takes what was found away.
  forget() {
    this.#asked++;
    this.#hits = [];
    this.#found.textContent = "";
    this.#showHits();
  }

  // ask returns what a request is answered with, or null if that failed, which is said,
  // or is not asked for any more.
  async #ask(request) {
    const asked = ++this.#asked;
    try {
      const history = this.#history();
      if (!history) {
        throw new Error("the room is not joined");
      }
      const answer = await request(history);
      return asked === this.#asked ? answer : null;
    } catch (error) {
      if (asked === this.#asked) {
        this.#found.hidden = false;
        this.#found.textContent = `It can't be searched: ${error.message}`;
      }
      return null;
    }
  }

  async #find(text) {
    this.forget();
    const answer = await this.#ask((history) => history.search(parse(text)));
    if (!answer) {
      return;
    }
    const { messages: hits, partsSince } = answer;
    const n = hits.length;
    const words = n === 0 ? "Nothing was found" : n === 1 ? "1 message" : `${n} messages, the newest first`;
    this.#found.textContent = partsSince
      ? `${words}. Before ${when(partsSince)} only whole words were looked for.`
      : words;
    this.#hits = hits.reverse().map((hit) => this.#hit(hit));
    this.#showHits();
    this.#list.scrollTop = 0;
  }

  #hit(hit) {
    const article = element(this.#received(hit));
    article.querySelector("time").textContent = when(hit.time);
    markParts(article.querySelector(".text"), hit.parts);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "context";
    button.textContent = "Context";
    button.addEventListener("click", () => this.#showContext(hit));
    article.append(button);
    return article;
  }

  #showHits() {
    this.#back.hidden = true;
    this.#found.hidden = false;
    this.#list.replaceChildren(...this.#hits);
    this.#list.scrollTop = this.#top;
  }

  async #showContext(hit) {
    this.#top = this.#list.scrollTop;
    const { number } = hit;
    const messages = await this.#ask((history) => history.between(Math.max(0, number - around), number + around));
    if (!messages) {
      return;
    }
    this.#back.hidden = false;
    this.#found.hidden = true;
    const [earlier, later] = ["Earlier", "Later"].map((words) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "more";
      button.textContent = words;
      return button;
    });
    let [first, last] = [messages[0]?.number ?? number, messages.at(-1)?.number ?? number];
    earlier.hidden = first === 1;
    earlier.addEventListener("click", async () => {
      const page = await this.#ask((history) => history.between(Math.max(0, first - 1 - further), first));
      if (page) {
        earlier.hidden = page.length === 0 || page[0].number === 1;
        first = page[0]?.number ?? first;
        const before = this.#list.scrollHeight;
        earlier.after(...this.#elements(page));
        this.#list.scrollTop += this.#list.scrollHeight - before;
      }
    });
    later.addEventListener("click", async () => {
      const page = await this.#ask((history) => history.between(last, last + 1 + further));
      if (page) {
        later.hidden = page.length === 0;
        last = page.at(-1)?.number ?? last;
        later.before(...this.#elements(page));
      }
    });
    this.#list.replaceChildren(earlier, ...this.#elements(messages, hit), later);
    this.#list.querySelector(".found")?.scrollIntoView({ block: "center" });
    this.#back.focus();
  }

  // elements returns messages that follow each other, with their days. The one that is
  // hit is marked.
  #elements(messages, hit) {
    const items = messages.map((message) => this.#received(message));
    return items.flatMap((item, i) => {
      const before = items[i - 1];
      const article = element(item, before);
      if (item.number === hit?.number) {
        article.classList.add("found");
        markParts(article.querySelector(".text"), hit.parts);
      }
      return before && sameDay(before.time, item.time) ? [article] : [day(item.time), article];
    });
  }
}

const when = (time) => time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

// parse returns what a search asks for: {words, from, since, until}. The days since and
// until are part of what is searched.
export function parse(text) {
  const query = {};
  const words = text.replace(/"[^"]*"|(?<!\S)(from|since|until):("[^"]*"|\S*)/gi, (all, what, value) => {
    if (what) {
      const name = what.toLowerCase();
      query[name] = name === "from" ? value.replaceAll('"', "") : time(name, value);
    }
    return what ? "" : all;
  });
  return words.trim() === "" && Object.keys(query).length > 0 ? query : { words, ...query };
}

function time(name, value) {
  const [, year, month, date] = /^(\d{4})-(\d\d?)-(\d\d?)$/.exec(value) ?? [];
  const time = new Date(year, month - 1, date);
  if (time.getDate() !== Number(date)) {
    throw new Error(`${name}:${value} has no date, such as ${name}:2026-01-31`);
  }
  if (name === "until") {
    time.setDate(time.getDate() + 1);
  }
  return time.getTime();
}

// markParts marks every second one of the parts of which a text consists. What is shown
// need not be what was written, so they are looked for in their order and by what is
// beside them.
function markParts(element, parts = []) {
  const texts = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    texts.push(walker.currentNode);
  }
  for (let i = 1; i < parts.length; i += 2) {
    const places = texts.map((text) => find(text.data, parts[i], parts[i - 1].at(-1), parts[i + 1]?.[0]));
    const n = places.findIndex((place) => place >= 0);
    if (n >= 0) {
      const hit = texts[n].splitText(places[n]);
      texts.splice(0, n + 1, hit.splitText(parts[i].length));
      const mark = document.createElement("mark");
      hit.replaceWith(mark);
      mark.append(hit);
    }
  }
}

// find returns where a part is in a text, between two characters unless they are not
// shown there, or -1.
function find(text, part, before, after) {
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    const end = at + part.length;
    if ((at === 0 || text[at - 1] === before) && (end === text.length || text[end] === after)) {
      return at;
    }
  }
  return -1;
}
