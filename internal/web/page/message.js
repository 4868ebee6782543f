// A message as it is shown.

import { showWithCode } from "./code.js";
import { initials, paint } from "./colours.js";
import { calendar, sameDay } from "./days.js";
import { plainName, showName, trim } from "./text.js";

const groupWindow = 5 * 60 * 1000; // a name is shown once for messages within this time, in milliseconds

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const doing = "/me "; // begins the text of an action
const mostLines = 20; // that are shown at once; all others are a click away

// received returns a message that came for the user me. If it is not own, it is
// somebody else's, whatever name it has. From is the name that its sender joined with,
// if that is another.
export function received({ name, from, text, time, number, own }, me) {
  name = trim(name);
  from ??= name;
  return { name, from, text, time, number, own, isNamesake: !own && from === me && name === me };
}

// element returns a message as it is shown. A message is {name, text, time, own},
// or what received returns.
export function element(message, before) {
  const article = document.createElement("article");
  article.className = "message";
  const from = message.from ?? message.name;
  const follows = isSameGroup(message, before);
  const isAction = message.text.startsWith(doing);
  const isClaim = !follows && from !== message.name;
  const isNamesake = !follows && message.isNamesake;
  const classes = {
    own: message.own,
    follows,
    action: isAction,
    remarked: isClaim || isNamesake,
    unsent: message.unsent,
  };
  for (const [name, isSet] of Object.entries(classes)) {
    article.classList.toggle(name, Boolean(isSet));
  }

  const header = document.createElement("header");
  const name = named(from);
  name.className = !isAction && (follows || message.own) ? "unseen" : "name";
  paint(article, from);
  if (!isAction && !follows && !message.own) {
    article.dataset.initials = initials(from);
  }
  if (!isAction) {
    header.append(name, " ");
  }
  if (isClaim) {
    const claim = remark("writes as “", named(message.name), "”");
    claim.classList.add("claim");
    header.append(claim, " ");
  } else if (isNamesake) {
    header.append(remark("your name, but not from this page"), " ");
  }
  const time = document.createElement("time");
  showTime(time, message.time);
  header.append(time);

  const text = document.createElement("div");
  text.className = "text";
  text.dir = "auto";
  if (isAction) {
    text.append("* ", name, " ");
  }
  showWithCode(text, isAction ? message.text.slice(doing.length) : message.text);
  article.append(header, text);
  const lines = message.text.split("\n").length;
  if (lines > mostLines) {
    article.append(shortened(text, lines));
  }
  return article;
}

// named returns a name, in one line; one that is cut off is whole in what is shown while
// it is pointed at.
function named(name) {
  const element = document.createElement("b");
  element.dir = "auto";
  showName(element, name);
  if (name.length > 12) {
    element.title = plainName(name);
  }
  return element;
}

// shortened shows the first lines of a text, and returns the button that shows all.
function shortened(text, lines) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "more";
  const show = (isAll) => {
    text.classList.toggle("short", !isAll);
    button.textContent = isAll ? "Show less" : `Show all ${lines} lines`;
    button.ariaExpanded = isAll;
  };
  button.addEventListener("click", () => show(text.classList.contains("short")));
  show(false);
  return button;
}

// isSameGroup tells whether a message is shown without its name, which the one before
// has. An action has its name in its text.
export function isSameGroup(message, before) {
  return (
    before !== undefined &&
    !before.text.startsWith(doing) &&
    !message.text.startsWith(doing) &&
    before.name === message.name &&
    (before.from ?? before.name) === (message.from ?? message.name) &&
    before.own === message.own &&
    message.time - before.time < groupWindow &&
    sameDay(before.time, message.time)
  );
}

export function showTime(element, time) {
  element.dateTime = time.toISOString();
  element.title = `${calendar.format(time)}, ${time.toLocaleTimeString()}`;
  const words = clock.format(time);
  if (element.textContent !== words) {
    element.textContent = words; // which screen readers read out
  }
}

function remark(...words) {
  const small = document.createElement("small");
  small.className = "remark";
  small.append(...words);
  return small;
}
