// Addresses in a text: where they end, and where they lead.

import { control, lookalike, plain, show } from "./text.js";

// An apostrophe belongs to an address if a letter follows: it's. What ends one wherever
// it is: quotation marks, dashes, and the punctuation of languages that write no blanks
// behind it.
const link =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they end a link
  /https?:\/\/(?:['’](?=[\p{L}\p{N}])|[^\s<>"'`‘’‚‛“”„‟«»‹›—―、-〃〈-】〔-〛〝-〟！（），：；？［］｛｝｟-､\u0000-\u0020\u007f-\u00a0])+/giu;

const brackets = { ")": "(", "]": "[", "}": "{" };

// showWithLinks is show with addresses to click on. They lead where they say: only http
// and https, and the page that is opened learns nothing of this one. Where an address
// deceives about its host, the true one is shown behind it.
export function showWithLinks(element, text) {
  let from = 0;
  for (const match of text.matchAll(link)) {
    const address = withoutEnd(match[0]);
    const url = parse(address);
    if (!url || plain(address) !== address) {
      continue;
    }
    show(element, text.slice(from, match.index));
    const a = document.createElement("a");
    a.href = url.href;
    a.rel = "noopener noreferrer";
    a.target = "_blank";
    a.textContent = address;
    element.append(a);
    if (!namesHost(address, url)) {
      const host = control(`leads to ${url.host}`);
      host.classList.add("host");
      element.append(" ", host);
    }
    from = match.index + address.length;
  }
  show(element, text.slice(from));
}

function parse(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

// withoutEnd leaves out what belongs to the sentence and not to the address: brackets
// that were opened before it, and what is behind them, and punctuation at the end.
function withoutEnd(address) {
  const open = [];
  for (let i = 0; i < address.length; i++) {
    const c = address[i];
    if (Object.values(brackets).includes(c)) {
      open.push(c);
    } else if (brackets[c] && open.pop() !== brackets[c]) {
      address = address.slice(0, i);
    }
  }
  return address.replace(/(?:[.,:;!?*~'([{\\]|(?![\0-\x7f])\p{P})+$/u, "");
}

// namesHost tells whether an address shows its host as it is: without a name before it,
// and spelled as it is looked up, or in letters that don't pass for others.
function namesHost(address, url) {
  const written = /^https?:\/\/([^/?#\\]*)/i.exec(address)[1].toLowerCase();
  const port = url.protocol === "http:" ? ":80" : ":443";
  const isSame = written === url.host || written === url.host + port;
  return isSame || (!/^[\0-\x7f]*$/.test(written) && !/[@%]/.test(written) && isHonest(written.replace(/:\d*$/, "")));
}

const latin = /\p{Script=Latin}/u;
const alphabets = [
  "Latin}\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Bopomofo}\\p{scx=Hangul", // used with each other
  "Arabic",
  "Armenian",
  "Bengali",
  "Cyrillic",
  "Devanagari",
  "Ethiopic",
  "Georgian",
  "Greek",
  "Gujarati",
  "Gurmukhi",
  "Hebrew",
  "Kannada",
  "Khmer",
  "Lao",
  "Malayalam",
  "Myanmar",
  "Oriya",
  "Sinhala",
  "Tamil",
  "Telugu",
  "Thai",
].map((script) => new RegExp(`^[\\p{scx=${script}}0-9-]*$`, "u"));

// isHonest tells whether each part of a host is of one script, and none that has Latin's
// shapes is in a host that has Latin letters, too.
function isHonest(host) {
  return (
    host === host.normalize("NFKC") &&
    host.split(".").every((part) => alphabets.some((alphabet) => alphabet.test(part))) &&
    !(lookalike.test(host) && latin.test(host))
  );
}
