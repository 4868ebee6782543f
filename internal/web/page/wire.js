// The message: 512 bytes, a name and a text in UTF-8, each padded with zero bytes; and the
// frames in which it comes. See docs/protocol.md and docs/web.md.

export const subprotocol = "sop-chat.v2";
export const size = 512;
export const nameSize = 64;
export const textSize = 448;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// bytes returns how long a text is on the wire.
export const bytes = (text) => encoder.encode(text).length;

// encode returns a message. A field that is too long is cut off, which callers
// prevent; what is after a zero character nobody would see, so there is none.
export function encode(name, text) {
  const message = new Uint8Array(size);
  encoder.encodeInto(name.replaceAll("\0", ""), message.subarray(0, nameSize));
  encoder.encodeInto(text.replaceAll("\0", ""), message.subarray(nameSize));
  return message;
}

// decode returns the name and the text of a message. A byte that is not UTF-8
// becomes a lone surrogate, U+DC00 and the byte, which no valid text has.
export function decode(message) {
  return { name: field(message.subarray(0, nameSize)), text: field(message.subarray(nameSize, size)) };
}

const headSize = 16; // number and time
const welcomeSize = headSize + 16; // epoch and known

// decodeAdmission returns the first frame of a connection, or null: {number, time, epoch,
// known, server}.
export function decodeAdmission(buffer) {
  const inCluster = buffer.byteLength === welcomeSize + 8 + size;
  if (!inCluster && buffer.byteLength !== welcomeSize + size) {
    return null;
  }
  const view = new DataView(buffer);
  const digits = (at) => view.getBigUint64(at).toString(16).padStart(16, "0");
  return {
    ...head(view),
    epoch: digits(headSize),
    known: Number(view.getBigUint64(headSize + 8)),
    server: inCluster ? digits(welcomeSize) : "0",
  };
}

// decodeFrame returns any later frame, or null: {number, time, messages}. Each message has its
// number and time, and from if its sender joined with another name.
export function decodeFrame(buffer) {
  if (buffer.byteLength < headSize) {
    return null;
  }
  const { number, time } = head(new DataView(buffer));
  let at = headSize;
  let from;
  if (buffer.byteLength === headSize + nameSize + size) {
    from = field(new Uint8Array(buffer, at, nameSize));
    at += nameSize;
  }
  if ((buffer.byteLength - at) % size !== 0) {
    return null;
  }
  const messages = [];
  for (; at < buffer.byteLength; at += size) {
    messages.push({ ...decode(new Uint8Array(buffer, at, size)), from, number: number + messages.length, time });
  }
  return { number, time, messages };
}

// Numbers and milliseconds are exact up to 2^53.
function head(view) {
  return { number: Number(view.getBigUint64(0)), time: new Date(Number(view.getBigUint64(8))) };
}

function field(padded) {
  const end = padded.indexOf(0);
  const bytes = end < 0 ? padded : padded.subarray(0, end);
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeByCharacter(bytes);
  }
}

function decodeByCharacter(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const length = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    try {
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(0xdc00 + first);
      at++;
    }
  }
  return text;
}

// cutText cuts a text into parts of limit bytes at most: at a line break or a blank, which is
// left out, in the last half of a part, else between characters as people see them. Such a
// character stays whole, unless it alone is longer than that.
export function cutText(text, limit) {
  const parts = [];
  let part = "";
  let length = 0;
  for (const piece of pieces(text, limit)) {
    const more = bytes(piece);
    if (length + more > limit && (/^\r?\n$/.test(piece) || (/^\s$/.test(piece) && lineEnd(part) < 0))) {
      parts.push(part);
      part = "";
      length = 0;
      continue;
    }
    while (length + more > limit) {
      const [head, rest] = cut(part);
      parts.push(head);
      part = rest;
      length = bytes(part);
    }
    part += piece;
    length += more;
  }
  if (part !== "" || parts.length === 0) {
    parts.push(part);
  }
  return parts;
}

// lineEnd returns where the last line break in the last half of a text is, or -1.
function lineEnd(text) {
  const at = text.lastIndexOf("\n");
  return at > text.length / 2 ? at : -1;
}

// cut returns the two parts of a text that is as long as it may be.
function cut(text) {
  const end = lineEnd(text);
  const at = end < 0 ? text.search(/\s\S*$/) : end;
  return at > text.length / 2 ? [text.slice(0, at).replace(/\r$/, ""), text.slice(at + 1)] : [text, ""];
}

// pieces returns what must not be cut.
function* pieces(text, limit) {
  for (const piece of graphemes(text)) {
    if (bytes(piece) <= limit) {
      yield piece;
    } else {
      yield* piece; // by code points
    }
  }
}

function graphemes(text) {
  if (!Intl.Segmenter) {
    // biome-ignore lint/suspicious/noMisleadingCharacterClass: what a joiner joins is matched around it
    return text.match(/\r\n|\P{M}[\p{M}\u200d\ufe0f]*(?:(?<=\u200d)\P{M}[\p{M}\u200d\ufe0f]*)*|\p{M}+/gsu) ?? [];
  }
  const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text);
  return Array.from(segments, (s) => s.segment);
}
