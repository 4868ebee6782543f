// Code between lines of ```, and how it is cut into messages.

import { cutText, textSize } from "./wire.js";

// fence matches code, its first group, with what is around it. What is not closed goes on
// to the end.
export const fence = /^```(?:[\w+#.-]*[ \t]*\r?\n)?([\s\S]*?)(?:```[ \t]*(?:\r?\n|(?![\s\S]))|(?![\s\S]))/gm;

const opener = /(?:^|\n)(```[\w+#.-]{0,16})[ \t]*$/; // at the end of a message
const closer = /^```[ \t]*(?:\r?\n|$)/; // at the beginning of one
const room = 32; // bytes for what is added

// split cuts a text into parts that fit a message. Code that goes on in the next is closed,
// and opened there, so that each part is code by itself.
export function split(text) {
  const plain = cutText(text, textSize);
  if (plain.length === 1 || !/^```/m.test(text)) {
    return plain;
  }
  const parts = [];
  let begins = ""; // what opens the code that goes on
  for (const piece of cutText(text, textSize - room)) {
    const isOver = begins !== "" && closer.test(piece); // the code ended with the part before
    let part = isOver ? piece.replace(closer, "") : begins + piece;
    begins = "";
    if (isOpen(part)) {
      const [line, opened] = opener.exec(part) ?? [];
      part = line === undefined ? `${part}\n\`\`\`` : part.slice(0, -line.length);
      begins = `${opened ?? "```"}\n`;
    }
    if (part.trim() !== "") {
      parts.push(part);
    }
  }
  return parts;
}

// isOpen tells whether a text ends in code that is not closed.
function isOpen(text) {
  const last = [...text.matchAll(fence)].at(-1);
  return (
    last !== undefined && last.index + last[0].length === text.length && !/```[ \t]*\r?\n?$/.test(last[0].slice(3))
  );
}
