// What the browser remembers of this page. It may refuse to: with cookies blocked, even
// to look at localStorage throws, and either storage may be full. Then the page remembers
// it by itself until it is closed.

class Store {
  #name;
  #prefix;
  #instead = new Map();

  constructor(name, prefix) {
    this.#name = name;
    this.#prefix = prefix;
  }

  // get returns a text, null if there is none.
  get(name) {
    if (this.#instead.has(name)) {
      return this.#instead.get(name);
    }
    try {
      return globalThis[this.#name].getItem(this.#prefix + name);
    } catch {
      return null;
    }
  }

  // getValue returns what was put as JSON, null if there is none.
  getValue(name) {
    try {
      return JSON.parse(this.get(name));
    } catch {
      return null;
    }
  }

  set(name, text) {
    try {
      globalThis[this.#name].setItem(this.#prefix + name, text);
      this.#instead.delete(name);
    } catch {
      this.#instead.set(name, text);
    }
  }

  setValue(name, value) {
    this.set(name, JSON.stringify(value));
  }

  remove(name) {
    this.#instead.delete(name);
    try {
      globalThis[this.#name].removeItem(this.#prefix + name);
    } catch {} // there is nothing
  }
}

// tab is what this tab remembers of this room, until it is closed. Rooms below other
// paths of the same host have the same storage, so the names begin with the path.
export const tab = new Store("sessionStorage", `${new URL(".", location.href).pathname} `);

// settings are the person's, for good.
export const settings = new Store("localStorage", "");
