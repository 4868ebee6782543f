// What was said before this page came, if the server keeps it.

// A Failure is an answer that is not what was asked for. Asking again gives the
// same if it is final; else it may after retryAfter, in milliseconds, or NaN.
class Failure extends Error {
  constructor(response, words) {
    super(words || response.statusText);
    this.isFinal = response.status >= 400 && response.status < 500 && response.status !== 429;
    this.retryAfter = 1000 * Number(response.headers.get("Retry-After") ?? NaN);
  }
}

export class History {
  #key;

  constructor(key) {
    this.#key = key;
  }

  // about returns what the room offers: {history, replay}.
  static async about() {
    const response = await fetch("api/room");
    if (!response.ok) {
      throw new Failure(response, "");
    }
    return response.json();
  }

  // before returns messages before a sequence, or the last ones, the oldest
  // first.
  before(sequence) {
    return this.#get(sequence ? { before: sequence } : {});
  }

  search(words) {
    return this.#get({ q: words });
  }

  async #get(query) {
    const key = btoa(String.fromCharCode(...new TextEncoder().encode(this.#key)));
    const response = await fetch(`api/messages?${new URLSearchParams(query)}`, {
      headers: { Authorization: `Bearer ${key}` },
    });
    if (!response.ok) {
      throw new Failure(response, (await response.text()).trim());
    }
    const { messages } = await response.json();
    return messages.map((m) => ({ ...m, time: new Date(m.time) }));
  }
}

// What the history returns has U+FFFD for bytes that are not UTF-8, see wire.js.
const same = (a, b) =>
  a.name.toWellFormed() === b.name.toWellFormed() && a.text.toWellFormed() === b.text.toWellFormed();

// overlap returns how many of the first of b are the last of a, in the same
// order: messages that came by two ways.
export function overlap(a, b) {
  for (let n = Math.min(a.length, b.length); n > 0; n--) {
    if (b.slice(0, n).every((message, i) => same(message, a[a.length - n + i]))) {
      return n;
    }
  }
  return 0;
}

// unseen returns items without those of the first few that are among the last
// that were seen. They need not be in the same order: what oneself wrote was
// seen before the room had it.
export function unseen(items, seen, few) {
  const left = seen.slice(-2 * few);
  return items.filter((item, i) => {
    const at = i < few ? left.findIndex((other) => same(item, other)) : -1;
    if (at >= 0) {
      left.splice(at, 1);
    }
    return at < 0;
  });
}
