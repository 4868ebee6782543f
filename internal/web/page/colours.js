// The colours and initials of names.

const count = 12; // which can be told from each other
const stride = 5; // from a colour to one that is unlike it
const most = 500; // names

const shown = new Map(); // names and the numbers of their colours, the last one shown last

// paint has an element, and what is in it, know the colour of a name. It is the same for
// everybody, unless another of the last few names has it.
export function paint(element, name) {
  const number = colour(name);
  element.style.setProperty("--hue", (number * 360) / count);
  element.style.setProperty("--tone", number % 2);
}

function colour(name) {
  let number = shown.get(name);
  if (number === undefined) {
    const taken = [...shown.values()].slice(1 - count);
    number = hash(name) % count;
    while (taken.includes(number)) {
      number = (number + stride) % count;
    }
  }
  shown.delete(name);
  shown.set(name, number);
  if (shown.size > most) {
    shown.delete(shown.keys().next().value);
  }
  return number;
}

function hash(name) {
  let hash = 2166136261;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  }
  return Math.imul(hash, 0x9e3779b1) >>> 8;
}

// initials returns the first letters of a name's first and last word.
export function initials(name) {
  const words = name.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? ["?"];
  return words
    .filter((_, i) => i === 0 || i === words.length - 1)
    .map((word) => String.fromCodePoint(word.codePointAt(0)).toUpperCase())
    .join("");
}
