// Code in a text: what is between lines of ```, and lines that are indented or have tabs.

import { fence } from "./fence.js";
import { showWithLinks } from "./links.js";

const indented = /^(?:\t| {2,}).*\S|\S.*\t/;
const opening = /[{([]\s*$|\):\s*$/; // the end of a line before indented ones
const closing = /^[})\]]/; // the beginning of one behind them

// showWithCode is showWithLinks with code in blocks of its own.
export function showWithCode(element, text) {
  for (const { words, code } of blocks(text)) {
    if (code === undefined) {
      showWithLinks(element, words);
    } else {
      element.append(block(code));
    }
  }
}

function* blocks(text) {
  let from = 0;
  for (const match of text.matchAll(fence)) {
    if (match[1].trim() !== "") {
      yield* byIndent(text.slice(from, match.index));
      yield { code: match[1].replace(/\r?\n$/, "") };
      from = match.index + match[0].length;
    }
  }
  yield* byIndent(text.slice(from));
}

// byIndent cuts a text without fences. A line that opens or closes a bracket belongs to
// the indented ones beside it, and so do blank lines between them.
function* byIndent(text) {
  if (!/\t|^ {2}/m.test(text)) {
    yield { words: text };
    return;
  }
  const lines = text.split(/(?<=\n)/);
  const isCode = lines.map((line) => indented.test(line));
  for (let i = lines.length - 2; i >= 0; i--) {
    isCode[i] ||= isCode[i + 1] && opening.test(lines[i]);
  }
  for (let i = 1; i < lines.length; i++) {
    isCode[i] ||= isCode[i - 1] && closing.test(lines[i]);
  }
  let last = lines.length;
  for (let i = 0; i < lines.length; i++) {
    if (isCode[i]) {
      isCode.fill(true, Math.min(last, i), i);
      last = i + 1;
    } else if (lines[i].trim() !== "") {
      last = lines.length;
    }
  }
  for (let i = 0; i < lines.length; ) {
    const other = isCode.indexOf(!isCode[i], i);
    const end = other < 0 ? lines.length : other;
    const some = lines.slice(i, end).join("");
    yield isCode[i] ? { code: some } : { words: some };
    i = end;
  }
}

function block(code) {
  const frame = document.createElement("div");
  frame.className = "code";
  const pre = document.createElement("pre");
  pre.dir = "ltr";
  pre.tabIndex = 0; // so that the keyboard can scroll it
  showWithLinks(pre, code);
  const button = document.createElement("button"); // its words are in style.css, and so in no text
  button.type = "button";
  button.className = "copy";
  button.ariaLabel = "Copy";
  button.addEventListener("click", () => {
    button.ariaLabel = copy(pre) ? "Copied" : "Not copied";
    setTimeout(() => {
      button.ariaLabel = "Copy";
    }, 2000);
  });
  frame.append(pre, button);
  return frame;
}

// copy copies what an element shows. navigator.clipboard is only there with https.
function copy(element) {
  getSelection().selectAllChildren(element);
  return document.execCommand("copy");
}
