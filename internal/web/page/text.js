// What others wrote, as it is shown. It only ever becomes text of the document,
// never markup.

// Characters that could deceive who sees them, or that nobody sees: controls,
// format characters (among them all that change the direction of what follows),
// separators of lines, and code points that are no characters. The two joiners
// are left alone, because words and emoji are written with them.
const special = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Noncharacter_Code_Point}\u2028\u2029]/gu;

// escaped says which character it is, as the server's console does.
function escaped(character) {
  const code = character.codePointAt(0);
  const names = { 0x09: "\\t", 0x0a: "\\n", 0x0d: "\\r" };
  return names[code] ?? (code < 0x80
    ? "\\x" + code.toString(16).padStart(2, "0")
    : "\\u{" + code.toString(16) + "}");
}

// show appends a text to an element: what is hostile is spelled out, and lines
// are broken only where that is asked for.
export function show(element, text, { lines = true } = {}) {
  let from = 0;
  if (lines) {
    text = text.replace(/\r\n/g, "\n");
  }
  for (const match of text.matchAll(special)) {
    if (lines && (match[0] === "\n" || match[0] === "\t")) {
      continue;
    }
    element.append(text.slice(from, match.index));
    const control = document.createElement("span");
    control.className = "control";
    control.textContent = escaped(match[0]);
    element.append(control);
    from = match.index + match[0].length;
  }
  element.append(text.slice(from));
}

// plain returns a text as show would show it, for where there are no elements.
export function plain(text) {
  return text.replace(special, (c) => escaped(c));
}

const link = /https?:\/\/[^\s<>"'`\u0000-\u0020\u007f-\u00a0]+/giu;

// showWithLinks is show with addresses to click on. They lead where they say:
// only http and https, and the page that is opened learns nothing of this one.
export function showWithLinks(element, text) {
  let from = 0;
  for (const match of text.matchAll(link)) {
    const address = withoutEnd(match[0]);
    const url = URL.parse?.(address) ?? parse(address);
    if (!url || (url.protocol !== "http:" && url.protocol !== "https:") || plain(address) !== address) {
      continue;
    }
    show(element, text.slice(from, match.index));
    const a = document.createElement("a");
    a.href = url.href;
    a.rel = "noopener noreferrer";
    a.target = "_blank";
    a.textContent = address;
    element.append(a);
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

// withoutEnd leaves out what belongs to the sentence and not to the address.
function withoutEnd(address) {
  for (;;) {
    const last = address.at(-1);
    const opening = { ")": "(", "]": "[", "}": "{" }[last];
    const isOpen = opening && address.split(opening).length >= address.split(last).length;
    if (!/[.,:;!?)\]}*_~…]/.test(last) || isOpen) {
      return address;
    }
    address = address.slice(0, -1);
  }
}

// hue returns the colour of a name, in degrees; the same one for everybody.
export function hue(name) {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  }
  return Math.floor((Math.imul(hash, 0x9e3779b1) >>> 8) / 2 ** 24 * 24) * 15;
}
