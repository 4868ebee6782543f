// What others wrote, as it is shown. It only ever becomes text of the document,
// never markup.

// The rules are those of the server's console, see docs/console.md; the two are
// tested with the same table.

const hostile = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u2028\u2029]/u;
const invisible =
  /[\p{Zs}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1107f}\u{13441}\u{13442}\u{16fe4}\u{1d159}]/u;
const mark = /\p{M}/u;
const unassigned = /[\p{Cn}\p{Co}]/u;
const pictograph = /(?![\0-\x7f])\p{S}|[‼⁉ℹ〰〽]/u;
const cursive = [
  "Arabic",
  "Bengali",
  "Devanagari",
  "Gujarati",
  "Gurmukhi",
  "Kannada",
  "Malayalam",
  "Mongolian",
  "Oriya",
  "Sinhala",
  "Syriac",
  "Tamil",
  "Telugu",
].map((script) => new RegExp(`\\p{Script=${script}}`, "u"));
const latin = /\p{Script=Latin}/u;
export const lookalike =
  /[\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Lisu}]/u;
const inWord = /[\p{L}\p{M}\p{Nd}]/u;
const ordinary = /^[ \p{L}\p{N}\p{P}\p{S}]*$/u;
const mostMarks = 5;
const mostParts = 40; // of a text, or what is hardly text would fill a browser's memory with elements

const inked = (c) => c !== "" && c !== "\ufffd" && !hostile.test(c) && !unassigned.test(c) && !invisible.test(c);

// belongs tells whether an invisible character is part of something that is
// written with it.
function belongs(before, c, after) {
  switch (c) {
    case "\u200c":
    case "\u200d":
      return (
        (c === "\u200d" && (pictograph.test(before) || before === "\ufe0f") && pictograph.test(after)) ||
        (cursive.find((script) => script.test(before))?.test(after) ?? false)
      );
    case "\ufe0e":
    case "\ufe0f":
      return pictograph.test(before) || (/[0-9#*]/.test(before) && after === "\u20e3");
    case "\u00a0":
    case "\u202f":
    case "\u3000":
      return inked(before) && inked(after);
  }
  return false;
}

// isInLatinWord tells whether a character has Latin letters in its word.
function isInLatinWord(characters, at) {
  for (const step of [-1, 1]) {
    for (let i = at + step; inWord.test(characters[i] ?? ""); i += step) {
      if (latin.test(characters[i])) {
        return true;
      }
    }
  }
  return false;
}

// pieces cuts a text into what is shown as it is and what is not, which are one
// character each. A name has stricter rules.
function* pieces(text, isName) {
  if (isName ? /^[ -[\]-~]*$/.test(text) : ordinary.test(text) && !invisible.test(text)) {
    // almost all there ever is
    yield { shown: text };
    return;
  }
  const characters = [...text];
  let shown = [];
  for (const [i, c] of characters.entries()) {
    if (isVisible(shown, c, characters, i, isName)) {
      shown.push(c);
    } else {
      yield { shown: shown.join("") };
      yield { hidden: c };
      shown = [];
    }
  }
  yield { shown: shown.join("") };
}

// isVisible tells whether a character can be shown behind what is shown already.
function isVisible(shown, c, characters, at, isName) {
  if (c >= " " && c <= "~") {
    return !(isName && c === "\\");
  }
  if (hostile.test(c)) {
    return false;
  }
  if (invisible.test(c)) {
    return !isName && belongs(shown.at(-1) ?? "", c, characters[at + 1] ?? "");
  }
  let base = shown.length - 1;
  while (base > 0 && mark.test(shown[base])) {
    base--;
  }
  if (mark.test(c) && (base < 0 || shown.length - 1 - base >= mostMarks || !inked(shown[base]))) {
    return false;
  }
  if (!isName) {
    return true;
  }
  const spelling = shown.slice(Math.max(base, 0)).join("") + c;
  return (
    !unassigned.test(c) &&
    !/^[\0-\x7f]+$/.test(c.normalize("NFKC")) &&
    spelling.normalize("NFC") === spelling &&
    !(lookalike.test(c) && isInLatinWord(characters, at))
  );
}

// escaped says which character it is, as the server's console does. A byte that
// is not UTF-8 is a lone surrogate here, see wire.js.
function escaped(character) {
  const code = character.codePointAt(0);
  const names = { 0x09: "\\t", 0x0a: "\\n", 0x0d: "\\r", 0x5c: "\\\\" };
  const byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  return (
    names[code] ??
    (code < 0x80 || byte !== code ? `\\x${byte.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`)
  );
}

function appendTo(element, text, isName, isShown) {
  const parts = []; // by turns as it is and spelled out
  for (const { shown, hidden } of pieces(text, isName)) {
    const isControl = hidden !== undefined && !isShown(hidden);
    const words = isControl ? escaped(hidden) : (shown ?? hidden);
    if (words !== "" && parts.at(-1)?.isControl === isControl) {
      parts.at(-1).words += words;
    } else if (words !== "") {
      parts.push({ words, isControl });
    }
  }
  if (parts.length > mostParts) {
    element.append(control(parts.map(({ words, isControl }) => (isControl ? words : doubled(words))).join("")));
    return;
  }
  for (const { words, isControl } of parts) {
    element.append(isControl ? control(words) : words);
  }
}

// control returns words that no client can write, by how they look.
export function control(words) {
  const span = document.createElement("span");
  span.className = "control";
  span.textContent = words;
  return span;
}

// show appends a text to an element. What is hostile is spelled out, but for
// line breaks and tabs. If there is very much of it, all is shown as that, and backslashes
// are doubled, as in plain.
export function show(element, text) {
  appendTo(element, text.replace(/\r\n/g, "\n"), false, (c) => c === "\n" || c === "\t");
}

// showName appends a name to an element, in which other names do not look the
// same. One that is empty is shown all the same.
export function showName(element, name) {
  if (name === "") {
    element.append(control("no name"));
  }
  appendTo(element, name, true, () => false);
}

const doubled = (text) => text.replaceAll("\\", "\\\\");

// trim returns a name without the blanks around it, which are not part of it.
export const trim = (name) => name.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");

// plain and plainName return a text and a name as they are shown where there are
// no elements. A backslash is doubled there, so that nobody can write what is an
// escape.
export const plain = (text) =>
  Array.from(pieces(text, false), ({ shown, hidden }) =>
    hidden === undefined ? doubled(shown) : escaped(hidden),
  ).join("");

export function plainName(name) {
  if (name === "" || name === '""') {
    return name === "" ? '""' : '\\x22"';
  }
  return Array.from(pieces(name, true), ({ shown, hidden }) => shown ?? escaped(hidden)).join("");
}
