// What was said before this page came, if the server keeps it.

const patience = 10_000; // for an answer, in milliseconds; the server's is seven seconds

// A Failure is an answer that is not what was asked for. Asking again gives the
// same if it is final; else it may after retryAfter, in milliseconds, or NaN. If it is
// barred, no key of this address is looked at now.
class Failure extends Error {
  constructor(response, words) {
    super(words || response.statusText);
    this.isBarred = response.status === 403 || response.status === 429;
    this.isFinal = response.status >= 400 && response.status < 500 && response.status !== 429;
    this.retryAfter = 1000 * Number(response.headers.get("Retry-After") ?? NaN);
  }
}

async function get(address, key) {
  const response = await fetch(address, {
    headers: { Authorization: `Bearer ${btoa(String.fromCharCode(...new TextEncoder().encode(key)))}` },
    signal: AbortSignal.timeout(patience),
  });
  if (!response.ok) {
    throw new Failure(response, (await response.text()).trim());
  }
  return response.json();
}

export class History {
  #key;

  constructor(key) {
    this.#key = key;
  }

  // about returns what the room of a key offers, and its name if it has one: {history,
  // replay, name}. For a wrong key it is what the server offers.
  static about(key) {
    return get("api/room", key);
  }

  // between returns the last messages of those with numbers between after and before,
  // the first first. There are 100 at most.
  async between(after, before) {
    const { messages } = await this.#get(after > 0 ? { after, before } : { before });
    return messages;
  }

  // search returns the last messages with some words, from a name, and between two times,
  // the first first: {messages, partsSince}. What matches is every second one of their
  // parts. If partsSince is set, parts of words were only looked for since then.
  search({ words, ...rest }) {
    return this.#get(words === undefined ? rest : { q: words, ...rest });
  }

  async #get(query) {
    const { messages, partsSince } = await get(`api/messages?${new URLSearchParams(query)}`, this.#key);
    return {
      messages: messages.map(({ sequence, time, name, from, text, parts }) => ({
        number: sequence,
        time: new Date(time),
        name,
        from,
        text,
        parts,
      })),
      partsSince: partsSince && new Date(partsSince),
    };
  }
}
