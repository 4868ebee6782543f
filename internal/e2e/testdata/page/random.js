// Has a session of the page meet a room at random, and checks what it shows in the end.

// shownBy returns what a session shows, in order, and what it does not.
function shownBy(on) {
  const shown = []; // of {number, text, name, own} or {missing}
  on.admitted = ({ valid }) => {
    for (const entry of shown) {
      if (entry.number > valid) {
        entry.number = undefined;
      }
    }
  };
  on.message = (message) => shown.push({ ...message });
  on.arrived = (item) => shown.push({ ...item, own: true, item });
  on.cleared = () => shown.splice(0);
  on.missing = (n, why) => shown.push({ missing: n, why });
  on.caughtUp = on.elsewhere = on.failed = on.lost = () => {};
  return shown;
}

const names = ["bob", "carol"];
const words = ["ok", "yes", "no"];

// meet returns what is wrong with what a session shows of a room, in words.
async function meet(seed, { Session, History }) {
  const random = new Random(seed);
  const hasHistory = random.below(3) > 0;
  const kept = hasHistory ? 1 + random.below(20) : 10_000; // without a history what is not kept can't be known
  const room = new Room({ hasHistory, kept, replay: random.below(Math.min(kept, 5) + 1), servers: random.pick([1, 3]), random });
  room.install();
  let page; // {session, items, shown}
  const items = [];
  const open = (stored) => {
    const on = { history: async () => (room.hasHistory ? new History("key") : null) };
    page = { shown: shownBy(on), session: new Session(on) };
    page.session.join("alice", "key", true, stored);
  };
  open({ unsent: [] });
  const say = () => {
    const item = { text: random.pick(words), unsent: true };
    items.push(item);
    page.session.say(item);
  };
  const happenings = [
    [200, () => [...room.sockets].forEach((socket) => socket.step(random))],
    [20, () => !room.isAway && room.append(random.pick(names), random.pick(words))],
    [3, () => !room.isAway && room.append("alice", "I am another", undefined, random.pick([undefined, "eve"]))],
    [15, say],
    [3, () => [...room.sockets].forEach((socket) => socket.break(1006))],
    [2, () => { if (!room.isAway) { for (let i = random.below(60); i > 0; i--) { room.append(random.pick(names), random.pick(words)); } } }],
    [10, () => room.readLate()],
    [1, () => room.isAway || room.stop(false)],
    [1, () => room.isAway || room.stop(true)],
    [5, () => room.isAway && room.start()],
    [10, () => { room.written = Math.min(room.log.length, room.written + random.below(10)); }],
    [1, () => { // the page is loaded again
      const numbers = JSON.parse(JSON.stringify(page.session));
      const { unacknowledged: unsent, at } = page.session;
      page.session.leave();
      open({ numbers, hasHistory: room.hasHistory, unsent, at });
    }],
  ];
  const total = happenings.reduce((sum, [weight]) => sum + weight, 0);
  for (let i = 0; i < 600; i++) {
    let at = random.below(total);
    happenings.find(([weight]) => (at -= weight) < 0)[1]();
    if (random.below(3) === 0) {
      await new Promise((done) => soon(done));
    }
  }
  if (room.isAway) {
    room.start();
  }
  room.append("bob", "the last");
  const isQuiet = () => [...room.sockets].some((socket) => socket.admitted && socket.toPage.length === 0) &&
    page.session.unacknowledged.length === 0 && page.session.last === room.log.length;
  for (let i = 0; i < 3000 && !isQuiet(); i++) {
    [...room.sockets].forEach((socket) => socket.step(random));
    await new Promise((done) => soon(done));
  }
  const wrong = [];
  if (!isQuiet()) {
    wrong.push(`it does not end: ${page.session.unacknowledged.length} are not sent, the last is ${page.session.last} of ${room.log.length}`);
  }
  check(room, page, items, wrong);
  page.session.leave();
  return wrong.map((what) => `seed ${seed}: ${what}`);
}

function check(room, page, items, wrong) {
  // What is shown is what was said, without holes of which it does not speak.
  const numbered = page.shown.filter((m) => m.missing === undefined && m.number !== undefined);
  for (const m of numbered) {
    const said = room.log[m.number - 1];
    // A frame has one time.
    if (said?.text !== m.text || said.name !== (m.name ?? "alice") || Math.abs(said.time - m.time) > 100) {
      wrong.push(`${m.number} is shown as ${m.name}: ${m.text} at ${+m.time}, and was ${said?.name}: ${said?.text} at ${said?.time}`);
    }
    const isMine = said?.sender !== undefined;
    if (m.own !== isMine) {
      wrong.push(`${m.number}, ${said?.text}, is ${m.own ? "" : "not "}shown as one's own`);
    }
  }
  let last;
  let missing = 0;
  for (const m of page.shown) {
    if (m.missing !== undefined) {
      missing += m.missing;
    } else if (m.number !== undefined) {
      if (last !== undefined && m.number !== last + 1 + missing) {
        wrong.push(`${m.number} comes after ${last}, and ${missing} are said to be missing`);
      }
      last = m.number;
      missing = 0;
    }
  }
  // What was said has arrived once. What had arrived when the server was killed may be lost.
  const mine = room.log.filter((m) => m.sender !== undefined).length;
  const arrived = items.filter((item) => !item.unsent).length;
  if (arrived !== items.length) {
    wrong.push(`${items.length - arrived} of ${items.length} have not arrived`);
  }
  if (mine > items.length) {
    wrong.push(`${items.length} were said, and the room has ${mine}`);
  }
  // In order: those that the room has are those that were said, without some.
  const texts = room.log.filter((m) => m.sender !== undefined).map((m) => m.text);
  let at = 0;
  for (const item of items) {
    at += item.text === texts[at] ? 1 : 0;
  }
  if (at !== texts.length) {
    wrong.push(`the room has one's own in another order: ${texts}; said were ${items.map((item) => item.text)}`);
  }
}

// soon calls a function after what waits already. A timer would wait for four
// milliseconds.
const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();
function soon(f) {
  waiting.push(f);
  channel.port2.postMessage(null);
}

// meetAll meets rooms of many seeds, with no pauses, and returns what is wrong.
async function meetAll(first, seeds) {
  const modules = { ...(await import("/session.js")), ...(await import("/history.js")) };
  const real = { WebSocket, fetch, setTimeout };
  window.setTimeout = (f) => soon(f);
  try {
    const wrong = [];
    for (let seed = first; seed < first + seeds && wrong.length === 0; seed++) {
      wrong.push(...(await meet(seed, modules)));
    }
    return wrong;
  } finally {
    Object.assign(window, real);
  }
}
