// The box in which one writes. What is in it survives that the page is loaded again.

import { ask } from "./ask.js";
import { interpret } from "./commands.js";
import { split } from "./fence.js";
import { tab } from "./storage.js";
import { bytes, textSize } from "./wire.js";

const mostUnasked = 5; // messages that one text may become without a question
const nearly = textSize - 48; // bytes from which on their number is shown
const mostRecalled = 50;

export class Compose {
  #box;
  #counter;
  #say;
  #answer;
  #sent = []; // texts, the last first
  #recalled = -1; // the index of the one that is in the box

  // say is called with each text that is to be sent as a message, answer with what is to
  // be said to the user alone.
  constructor(form, box, counter, say, answer) {
    this.#box = box;
    this.#counter = counter;
    this.#say = say;
    this.#answer = answer;
    box.addEventListener("input", () => this.#changed());
    box.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    box.value = tab.get("draft") ?? "";
  }

  // isEmpty tells whether nothing would be lost if the page was closed.
  get isEmpty() {
    return this.#box.value.trim() === "";
  }

  focus() {
    this.#box.focus();
    this.#show();
  }

  #key(event) {
    if (event.isComposing || event.keyCode === 229) {
      return; // it is the input method's; Safari says so by the code alone
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (!event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) {
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (step && this.#recall(this.#recalled + step)) {
        event.preventDefault();
      }
    }
  }

  // recall puts a text that was sent into the box, or nothing for -1, if there is none
  // that would be lost.
  #recall(index) {
    const isUntouched = this.#box.value === (this.#sent[this.#recalled] ?? "");
    if (!isUntouched || index < -1 || index >= this.#sent.length) {
      return false;
    }
    this.#recalled = index;
    this.#set(this.#sent[index] ?? "");
    return true;
  }

  async #send() {
    const typed = this.#box.value.replaceAll("\0", "").toWellFormed();
    const { text = "", answer, isError } = interpret(typed);
    if (answer) {
      this.#answer(answer);
    }
    if (isError) {
      this.#box.focus();
      return; // what was typed stays
    }
    const parts = text.trim() === "" ? [] : split(text);
    if (parts.length > mostUnasked && !(await ask(`This will be sent as ${parts.length} messages.`, "Send all"))) {
      this.#box.focus();
      return;
    }
    for (const part of parts) {
      this.#say(part);
    }
    if (parts.length > 0) {
      this.#sent = [typed, ...this.#sent.filter((other) => other !== typed)].slice(0, mostRecalled);
    }
    this.#recalled = -1;
    this.#set("");
    this.#box.focus();
  }

  #set(text) {
    this.#box.value = text;
    this.#changed();
  }

  #changed() {
    tab.set("draft", this.#box.value);
    this.#show();
  }

  // show gives the box as many lines as its text has, and says how long it is when that
  // matters.
  #show() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight + 2}px`;
    const { value } = this.#box;
    const length = value.length > nearly / 3 ? bytes(value) : 0;
    this.#counter.hidden = length < nearly;
    if (!this.#counter.hidden) {
      this.#counter.textContent =
        length <= textSize
          ? `${length} of ${textSize} bytes`
          : `${length} bytes, sent as ${split(value).length} messages`;
    }
  }
}
