// Wires the page together: the login form, the room, and what is between.
// Read wire.js and connection.js first, then log.js and text.js.

import { Alerts } from "./alerts.js";
import { Connection } from "./connection.js";
import { History, unseen } from "./history.js";
import { element, Log, received } from "./log.js";
import { Older } from "./older.js";
import { forget, recall, remember } from "./tab.js";
import { bytes, nameSize, split, textSize } from "./wire.js";

const $ = (id) => document.getElementById(id);
const log = new Log($("messages"), $("new"));
const alerts = new Alerts($("notify"), $("sound"));
const connection = new Connection({ joined, refused, unreachable, lost, message, sent });

let me = ""; // the name we joined with
let key = "";
let about = { history: false, replay: 0 }; // what the room offers
let visit = 0; // a number for each time what the room offers is asked for
let asking = 0; // the timer for asking again
let history = null; // if it keeps what is said
let older = null; // loads it
let burst = null; // what came right after joining again, which may be a replay

// The login form

// An invitation link has the key behind the #, which never leaves the browser.
// It leaves the address bar, where others could see it; the tab remembers it.
function readInvitation() {
  const given = /(?:^#|&)key=([^&]*)/.exec(location.hash)?.[1];
  if (given !== undefined) {
    window.history.replaceState(null, "", location.pathname + location.search);
    try {
      $("key").value = decodeURIComponent(given);
      remember("key", $("key").value);
    } catch {
      $("refusal").textContent = "The invitation link is damaged; type the key instead.";
    }
  }
}

function check(input, limit, what) {
  const length = bytes(input.value.trim());
  input.setCustomValidity(length > limit ? `The ${what} is ${length} bytes long; at most ${limit} fit.` : "");
}

$("name").addEventListener("input", () => check($("name"), nameSize, "name"));
$("key").addEventListener("input", () => check($("key"), textSize, "key"));
$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  if (name === "") {
    $("refusal").textContent = "A name is missing.";
    $("name").focus();
    return;
  }
  localStorage.setItem("name", name);
  enter(name, $("key").value, false);
});

function enter(name, withKey, again) {
  me = name;
  key = withKey;
  $("refusal").textContent = "";
  $("join").querySelector("button").disabled = true;
  $("join").querySelector("button").textContent = "Joining…";
  if (again) {
    showRoom(true);
    status("joining again…", true);
  }
  connection.join(name, withKey, again);
}

function refused() {
  turnedAway("Wrong key, or the room is full.");
  $("key").focus();
}

function unreachable() {
  turnedAway("The server can't be reached. Is it running?");
}

function turnedAway(words) {
  showRoom(false);
  $("refusal").textContent = words;
}

function showRoom(visible) {
  $("room").hidden = !visible;
  $("login").hidden = visible;
  $("join").querySelector("button").disabled = false;
  $("join").querySelector("button").textContent = "Join";
}

// The room

function joined(again) {
  remember("joined", JSON.stringify({ name: me, key }));
  showRoom(true);
  updateStatus();
  if (again && log.messages.length > 0) {
    log.note("Joined again. What was said meanwhile may be missing here.");
    if (about.replay > 0) {
      burst = [];
      setTimeout(endBurst, 1000);
    }
  } else {
    $("text").focus();
    forgetHistory();
    learnAbout();
  }
}

// learnAbout asks what the room offers, until it is told.
async function learnAbout() {
  const asked = visit;
  const answer = await History.about().catch(() => null);
  if (asked !== visit) {
    return; // this was left meanwhile
  }
  if (!answer) {
    asking = setTimeout(learnAbout, 5000);
    return;
  }
  about = answer;
  $("open-search").hidden = !about.history;
  if (about.history) {
    history = new History(key);
    older = new Older(history, log, $("messages"), me);
  }
}

function forgetHistory() {
  visit++;
  clearTimeout(asking);
  older?.stop();
  history = older = null;
}

function message({ name, text, from }) {
  const item = received({ name, text, from, time: new Date() }, me);
  if (burst) {
    burst.push(item);
    return;
  }
  log.add(item);
  alerts.arrived(item);
}

// endBurst shows what came since we joined again, without what was replayed
// and is on the page already.
function endBurst() {
  const items = burst ?? [];
  burst = null;
  for (const item of unseen(items, log.messages, about.replay)) {
    log.add(item);
    alerts.arrived(item);
  }
}

function sent(item) {
  log.sent(item);
  updateStatus();
}

let next = 0; // when it is tried again
let ticking = 0;

function lost(pause, why) {
  next = Date.now() + pause;
  clearInterval(ticking);
  const tick = () => {
    const seconds = Math.max(1, Math.ceil((next - Date.now()) / 1000));
    const reason = why === "refused" ? "wrong key, or the room is full" : "not connected";
    status(`${reason}; trying again in ${seconds} s${unsentWords()}`, true);
  };
  ticking = setInterval(tick, 1000);
  tick();
}

function unsentWords() {
  return connection.unsent > 0 ? `, ${connection.unsent} not sent` : "";
}

function updateStatus() {
  clearInterval(ticking);
  status(`joined as ${me}${unsentWords()}`, false);
}

function status(words, isLost) {
  $("status").textContent = words;
  $("status").classList.toggle("lost", isLost);
}

$("leave").addEventListener("click", () => {
  connection.leave();
  clearInterval(ticking);
  forget("joined");
  log.clear();
  burst = null;
  forgetHistory();
  $("settings").open = false;
  showRoom(false);
  $("name").focus();
});

// Writing

function send() {
  const text = $("text").value.replaceAll("\0", "");
  if (text.trim() !== "") {
    for (const part of split(text)) {
      const item = { name: me, text: part, time: new Date(), own: true, unsent: true };
      log.add(item);
      connection.say(item);
    }
  }
  $("text").value = "";
  grow();
  $("text").focus();
}

// grow gives the box as many lines as its text has.
function grow() {
  $("text").style.height = "auto";
  $("text").style.height = `${$("text").scrollHeight + 2}px`;
}

$("text").addEventListener("input", grow);
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && $("settings").open) {
    $("settings").open = false;
    $("settings").querySelector("summary").focus();
  }
});

// What was said before

$("messages").addEventListener("scroll", () => older?.scrolled(), { passive: true });

$("open-search").addEventListener("click", () => $("search").showModal());
$("close-search").addEventListener("click", () => $("search").close());
$("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("hits").replaceChildren();
  try {
    const hits = await history.search($("words").value);
    $("found").textContent =
      hits.length === 0 ? "Nothing was found." : hits.length === 1 ? "1 message" : `${hits.length} messages`;
    for (const hit of hits) {
      const article = element(received(hit, me));
      article.querySelector("time").textContent = hit.time.toLocaleString();
      $("hits").append(article);
    }
  } catch (error) {
    $("found").textContent = `It can't be searched: ${error.message}`;
  }
});

// A page that was in the room and is loaded again goes back.
$("key").value = recall("key") ?? "";
readInvitation();
addEventListener("hashchange", readInvitation);
$("name").value = localStorage.getItem("name") ?? "";
const before = recall("joined");
if (before) {
  const { name, key: withKey } = JSON.parse(before);
  enter(name, withKey, true);
} else if ($("key").value === "" && $("name").value !== "") {
  $("key").focus();
} else {
  $("name").focus();
}
