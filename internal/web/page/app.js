// Wires the page together: the login form, the room, and what is between.
// Read wire.js, numbers.js and session.js first, then connection.js, log.js, message.js and
// text.js.

import { Alerts } from "./alerts.js";
import { ask } from "./ask.js";
import { Banner } from "./banner.js";
import { Compose } from "./compose.js";
import { History } from "./history.js";
import { Invitation } from "./invitation.js";
import { keepFiles } from "./kept.js";
import { Log, missingWords } from "./log.js";
import { mentions } from "./mention.js";
import { received } from "./message.js";
import { Older } from "./older.js";
import { Recent } from "./recent.js";
import { Search } from "./search.js";
import { Session } from "./session.js";
import { settings, tab } from "./storage.js";
import { showName, trim } from "./text.js";
import { bytes, nameSize, textSize } from "./wire.js";

const $ = (id) => document.getElementById(id);
const isMention = (message) => !message.own && mentions(message.text, me);
const log = new Log($("messages"), $("new"), isMention);
const recent = new Recent($("recent"), $("speakers"));
const alerts = new Alerts($("notify"), $("sound"), $("only-mentions"));
const compose = new Compose($("compose"), $("text"), $("length"), say, (answer) => log.note(answer));
const session = new Session({
  admitted,
  caughtUp,
  message,
  arrived,
  cleared: () => log.clear(),
  elsewhere: (item) => log.withdraw(item),
  greeted: (messages) => log.note(messages.map(({ text }) => text).join("\n")),
  missing: (n, why) => log.note(missingWords(n) + (why ? ` They can't be loaded: ${why}` : "")),
  history: () => Promise.race([offers, wait(5000)]).then(() => history),
  failed,
  lost,
});

const banner = new Banner(
  () => session.unacknowledged.length,
  () => session.retry(),
);

const invitation = new Invitation(() => key);

let me = ""; // the name we joined with
let key = "";
let room = ""; // the name of the one that the key opens, if it has one
let visit = 0; // a number for each time what the room offers is asked for
let offers = null; // a promise that is fulfilled when that is known
let history = null; // if the room keeps what is said
let hasHistory = false; // as far as is known
let older = null; // loads it

const wait = (time) => new Promise((done) => setTimeout(done, time));

// The login form

// An invitation link has the key behind the #, which never leaves the browser.
// It leaves the address bar, where others could see it; the tab remembers it. It returns
// whether there was one.
function readInvitation() {
  const given = /(?:^#|&)key=([^&]*)/.exec(location.hash)?.[1];
  if (given === undefined) {
    return false;
  }
  window.history.replaceState(null, "", location.pathname + location.search);
  try {
    $("key").value = decodeURIComponent(given);
    tab.set("key", $("key").value);
    askForKey(false);
    return true;
  } catch {
    askForKey(true);
    $("refusal").textContent = "The invitation link is damaged; type the key instead.";
    return false;
  }
}

// There is no field for a key that is known.
function askForKey(isNeeded) {
  $("key-field").hidden = !isNeeded;
}

$("show-key").addEventListener("click", (event) => {
  const isShown = $("key").type === "password";
  $("key").type = isShown ? "text" : "password";
  event.target.textContent = isShown ? "Hide" : "Show";
  event.target.setAttribute("aria-label", `${event.target.textContent} the key`);
});

// An invitation with another key than this room was joined with: to another room, or the
// key was changed, and the old one is good for nothing.
async function invited() {
  const isInvited = readInvitation();
  const given = $("key").value;
  if (!isInvited || $("room").hidden || given === key) {
    return;
  }
  const { name } = await nameOfRoom(given);
  if ($("room").hidden || $("key").value !== given) {
    return; // this was left meanwhile, or there is another invitation
  }
  if (name !== room) {
    rememberUnsent();
    leave();
    enter(me, given);
    return;
  }
  key = given;
  session.rejoin(key);
  banner.lost("Joining with the new key", 0);
  markUnsent();
}

const longestDelay = 10_000; // of a key, in milliseconds

// nameOfRoom returns the name of the room that a key opens, "" if it has none or the key
// is wrong. If nobody can be asked, the name is undefined, and why says the reason. A key
// may have to wait, after wrong ones from the same address.
async function nameOfRoom(key) {
  for (;;) {
    try {
      const about = await History.about(key);
      return { name: about.name ?? "" };
    } catch ({ isBarred, retryAfter }) {
      if (!isBarred || !(retryAfter <= longestDelay)) {
        return { why: isBarred ? "barred" : "unreachable" };
      }
      await wait(retryAfter);
    }
  }
}

function check(input, limit, what) {
  const length = bytes(input === $("name") ? trim(input.value) : input.value);
  input.setCustomValidity(length > limit ? `The ${what} is ${length} bytes long; at most ${limit} fit.` : "");
}

$("name").addEventListener("input", () => check($("name"), nameSize, "name"));
$("key").addEventListener("input", () => check($("key"), textSize, "key"));
$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = trim($("name").value);
  if (name === "") {
    $("refusal").textContent = "A name is missing.";
    $("name").focus();
    return;
  }
  settings.set("name", name);
  enter(name, $("key").value);
});

// enter joins the room that a key opens. What the tab remembers is of one room, so it has
// to be known which that is.
async function enter(name, withKey) {
  showJoining();
  const { name: opened, why } = await nameOfRoom(withKey);
  if (why) {
    turnedAway(why);
    $("name").focus();
  } else {
    join(name, withKey, opened, false);
  }
}

const joinButton = document.querySelector("#join .main");

function showJoining() {
  $("refusal").textContent = "";
  joinButton.disabled = true;
  joinButton.textContent = "Joining…";
}

function join(name, withKey, ofRoom, again) {
  me = name;
  key = withKey;
  room = ofRoom;
  showJoining();
  if (again) {
    showRoom(true);
    banner.lost("Joining again", 0);
  }
  const { texts, uncertain, at } = recallUnsent();
  const unsent = texts.map(written);
  for (const item of unsent) {
    log.say(item);
  }
  const stored = recallSession();
  hasHistory = stored.hasHistory ?? false;
  session.join(name, withKey, again, { ...stored, unsent, uncertain, at });
  markUnsent();
}

// Why there is no connection, and what to do about it.
const failures = {
  wrongKey: ["Wrong key"],
  nameTaken: ["Somebody with this name, or one that looks like it, is in the room", "Choose another."],
  roomFull: ["The room is full", "Try again when somebody has left it."],
  draining: ["The server lets nobody in for now", "Try again later."],
  kicked: ["An operator of the server has disconnected you"],
  refused: ["Wrong key, the room is full, or the name is taken"],
  unreachable: ["The server can't be reached", "Is it running?"],
  barred: ["The server does not let your address in", "If that is for wrong keys, try again later."],
  unspoken: [
    "The server does not open the WebSocket of this page (sop-chat.v2)",
    "Load the page again. If that does not help, the server is older than the page, or a proxy before it does not " +
      "pass on what the page asks for.",
  ],
};

function failed(why, words) {
  rememberNow();
  rememberUnsent();
  clearRoom();
  turnedAway(why, why === "kicked" ? words : "");
  const isKeyInDoubt = why === "wrongKey" || why === "refused";
  if (isKeyInDoubt) {
    askForKey(true);
  }
  $(isKeyInDoubt ? "key" : "name").focus();
}

// turnedAway shows why we are not in the room, with the words that the server has for it.
function turnedAway(why, words) {
  const [reason, ...advice] = failures[why];
  showRoom(false);
  $("refusal").textContent = [words ? `${reason}: “${words}”.` : `${reason}.`, ...advice].join(" ");
}

function showRoom(visible) {
  $("room").hidden = !visible;
  $("login").hidden = visible;
  showTitle();
  joinButton.disabled = false;
  joinButton.textContent = "Join";
}

function showTitle() {
  $("heading").textContent = "";
  $("heading").classList.toggle("named", room !== "");
  showName($("heading"), room || "sop-chat");
  alerts.setRoom($("room").hidden ? "" : room);
}

// The room

function admitted({ again, isNewEpoch, valid, isMissing }) {
  nameRoom(room);
  showRoom(true);
  log.void(valid);
  if (!again || isNewEpoch) {
    forgetHistory();
    offers = learnAbout(again);
  }
  if (!again) {
    compose.focus();
  }
  banner.joined(isMissing ? `joined as ${me}; loading what was said meanwhile…` : `joined as ${me}`);
}

function nameRoom(name) {
  room = name;
  tab.setValue("joined", { name: me, key, room });
  showTitle();
}

// learnAbout asks what the room offers, until it is told.
async function learnAbout(again) {
  const asked = visit;
  for (;;) {
    const about = await History.about(key).catch(() => null);
    if (asked !== visit) {
      return; // this was left meanwhile
    }
    if (about) {
      if (about.name && about.name !== room) {
        nameRoom(about.name); // the server was given other rooms
      }
      hasHistory = about.history;
      $("open-search").hidden = !hasHistory;
      history = hasHistory ? new History(key) : null;
      older = history ? new Older(history, log, $("messages"), session, recent, me, again) : null;
      return;
    }
    await wait(5000);
  }
}

function forgetHistory() {
  visit++;
  older?.stop();
  history = older = null;
}

function message(m, isNew) {
  const item = received(m, me);
  const isNews = isNew && !item.own;
  log.add(item, isNews);
  recent.spoke(item);
  if (isNews) {
    alerts.arrived(item, isMention(item));
  }
}

function arrived(item) {
  log.add(item);
  rememberSession();
  markUnsent();
}

// What the tab remembers of the room, so that a page that is loaded again knows which
// messages are its own, and loses none that has not arrived.

const inRoom = (what) => (room === "" ? what : `${what} ${room}`);

function recallSession() {
  const stored = tab.getValue(inRoom("session"));
  return stored?.name === me ? stored : {};
}

function recallUnsent() {
  const unsent = tab.getValue(inRoom("unsent")) ?? { texts: [] };
  tab.remove(inRoom("unsent"));
  return unsent;
}

function rememberUnsent() {
  const texts = session.unacknowledged.map((item) => item.text);
  if ($("room").hidden && texts.length === 0) {
    return; // what is remembered was not recalled
  }
  tab.setValue(inRoom("unsent"), { texts, uncertain: session.uncertain, at: session.at });
}

let isRemembering = false;

function rememberSession() {
  if (isRemembering) {
    return;
  }
  isRemembering = true; // once for all that arrive together
  setTimeout(() => {
    isRemembering = false;
    rememberNow();
  });
}

function rememberNow() {
  if (!$("room").hidden) {
    tab.setValue(inRoom("session"), { name: me, hasHistory, numbers: session });
    if (document.hidden) {
      rememberUnsent(); // a phone ends pages that are out of sight, and says nothing
    }
  }
}

addEventListener("pagehide", () => {
  rememberNow();
  rememberUnsent();
});
addEventListener("pageshow", (event) => event.persisted && tab.remove(inRoom("unsent")));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    rememberNow();
  } else if (!$("room").hidden) {
    tab.remove(inRoom("unsent"));
  }
});
addEventListener("beforeunload", (event) => {
  if (!$("room").hidden && (session.unacknowledged.length > 0 || !compose.isEmpty)) {
    event.preventDefault(); // has the browser ask
  }
});

function lost(pause, why) {
  banner.lost(why && why !== "unreachable" ? failures[why][0] : "Not connected", pause);
  invitation.setIn(false);
  markUnsent();
}

function caughtUp() {
  markUnsent();
  banner.joined(`joined as ${me}`);
  invitation.setIn(true);
}

$("leave").addEventListener("click", async () => {
  const { length } = session.unacknowledged;
  const unsent = length === 1 ? "1 message is" : `${length} messages are`;
  if (length > 0 && !(await ask(`${unsent} not sent, and would be lost.`, "Leave"))) {
    return;
  }
  leave();
  $("name").focus();
});

function leave() {
  rememberNow();
  session.leave();
  tab.remove("joined");
  clearRoom();
  search.forget();
  $("settings").open = false;
  showRoom(false);
}

function clearRoom() {
  banner.left();
  invitation.setIn(false);
  log.clearAll();
  recent.clear();
  forgetHistory();
}

// Writing

function say(text) {
  const item = written(text);
  log.say(item);
  session.say(item);
  markUnsent();
}

// markUnsent says what is known of the messages that have not arrived.
function markUnsent() {
  for (const [i, item] of session.unacknowledged.entries()) {
    const isSent = i < session.uncertain;
    log.mark(item, !isSent ? "waiting…" : session.isAwaiting ? "sending…" : "may not have arrived");
  }
}

// written returns a message of this page that has not arrived.
const written = (text) => ({ name: me, text, time: new Date(), own: true, unsent: true });

// Escape closes a menu, or goes to the last message. What is typed anywhere goes to
// the box, but for what a control takes itself.
addEventListener("keydown", (event) => {
  if ($("room").hidden || document.querySelector("dialog[open]") || event.isComposing || event.keyCode === 229) {
    return;
  }
  const menu = document.querySelector("#room details[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "Escape") {
    log.toBottom();
    compose.focus();
  } else if (!event.target.closest("input, textarea") && isText(event)) {
    compose.focus();
  }
});

function isText(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return event.key === "v" && !event.altKey; // pastes
  }
  return event.key.length === 1 && event.key !== " ";
}

// What was said before

$("messages").addEventListener("scroll", () => older?.scrolled(), { passive: true });

$("open-search").addEventListener("click", () => $("search").showModal());
$("close-search").addEventListener("click", () => $("search").close());
const search = new Search(
  $("search"),
  () => history,
  (m) => received({ ...m, own: session.isOwn(m.number) }, me),
);

// A page that was in the room and is loaded again goes back.
$("key").value = tab.get("key") ?? "";
askForKey($("key").value === "");
const isInvited = readInvitation();
addEventListener("hashchange", invited);
$("name").value = settings.get("name") ?? "";
const before = tab.getValue("joined");
if (before) {
  if (isInvited && $("key").value !== before.key) {
    enter(before.name, $("key").value);
  } else {
    join(before.name, before.key, before.room ?? "", true);
  }
} else if ($("key").value === "" && $("name").value !== "") {
  $("key").focus();
} else {
  $("name").focus();
}

// Once the page is there, its files are kept for when the server is away.
function isUntouched() {
  return $("room").hidden
    ? $("name").value === (settings.get("name") ?? "") && $("key").value === (tab.get("key") ?? "")
    : session.unacknowledged.length === 0 && compose.isEmpty;
}
addEventListener("load", () => keepFiles($("away"), isUntouched));
