// A room as a page meets it, in the page itself: WebSockets and a history that keep to
// docs/web.md, at several servers, and a network that loses connections, of which their servers
// may not know yet. Everything that can happen is one
// step, so that a seed decides what does.

class Random {
  constructor(seed) { this.state = seed; }
  below(n) { // mulberry32
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }
  pick(list) { return list[this.below(list.length)]; }
}

class Room {
  constructor({ hasHistory, kept, replay, servers, random }) {
    Object.assign(this, { hasHistory, kept, replay, servers, random });
    this.log = []; // of {number, time, name, text, from, sender}
    this.epochs = [];
    this.written = 0;
    this.sockets = new Set();
    this.unread = new Set(); // sockets that the page has left, and whose servers have yet to read them
    this.isAway = false;
    this.start();
  }

  get next() { return this.log.length + 1; }

  start() {
    this.epochs.push({ epoch: `${this.random.below(2 ** 31)}`.padStart(16, "0"), first: this.next });
    this.isAway = false;
  }

  // stop ends the server. What is not written is lost if it is killed.
  stop(isKilled) {
    for (const socket of [...this.sockets]) {
      socket.break(isKilled ? 1006 : 1001);
    }
    if (!this.hasHistory) {
      this.log = [];
      this.epochs = [];
    } else if (isKilled) {
      this.log = this.log.slice(0, this.written);
    }
    this.written = this.log.length;
    this.unread.clear();
    this.isAway = true;
  }

  // left has a server go on reading what was sent over a connection that is no more, or not.
  left(socket) {
    this.sockets.delete(socket);
    if (this.servers > 1 && socket.admitted && this.random.below(2) === 0) {
      this.unread.add(socket);
    }
  }

  // readLate has a server read something of such a connection.
  readLate() {
    const [socket] = this.unread;
    const bytes = socket?.toServer.shift();
    if (bytes) {
      socket.read(bytes);
    } else {
      this.unread.delete(socket);
    }
  }

  // admit has a page's former connections be read no more: at the same server, and at that which it comes from.
  admit({ client, from, server }) {
    for (const socket of this.unread) {
      if (socket.client === client && [from, server].includes(socket.server)) {
        this.unread.delete(socket);
      }
    }
  }

  known(epoch, after) {
    const i = this.epochs.findIndex((e) => e.epoch === epoch);
    return i < 0 ? 0 : Math.min(after, (this.epochs[i + 1]?.first ?? Infinity) - 1);
  }

  append(name, text, sender, from) {
    this.log.push({ number: this.next, time: 1_000_000 + this.next, name, text, from, sender });
  }

  // messages answers a request for the history: one after the other is written.
  messages(after, before) {
    const found = this.log.slice(0, this.written).filter((m) => m.number > after && m.number < before).slice(-100);
    this.written = this.log.length;
    return found;
  }

  install() {
    const room = this;
    window.WebSocket = class extends Socket { constructor(url) { super(room, url); } };
    window.fetch = async (url) => {
      const query = new URL(url, location.href).searchParams;
      if (String(url).startsWith("api/room")) {
        return room.isAway ? Promise.reject(new TypeError("away")) : new Response(JSON.stringify({ history: room.hasHistory, replay: room.replay }));
      }
      if (room.random.below(10) === 0 && !room.hasFailed) {
        room.hasFailed = true;
        return new Response("busy", { status: 503, headers: { "Retry-After": "1" } });
      }
      room.hasFailed = false;
      const found = room.messages(Number(query.get("after") ?? 0), Number(query.get("before")));
      return new Response(JSON.stringify({ messages: found.map((m) => ({ sequence: m.number, time: m.time, name: m.name, from: m.from ?? m.name, text: m.text })) }));
    };
  }
}

// A Socket is the page's and the server's end at once, and what is between them.
class Socket {
  constructor(room, url) {
    const query = new URL(url).searchParams;
    Object.assign(this, { room, protocol: "sop-chat.v2", toServer: [], toPage: [], sent: 0, isOpen: false });
    this.claim = query.has("epoch") ? { epoch: query.get("epoch"), after: Number(query.get("after")) } : null;
    this.server = `${1 + room.random.below(room.servers)}`.padStart(16, "0");
    this.client = query.get("client");
    this.from = query.get("from");
    room.sockets.add(this);
  }

  send(bytes) { this.toServer.push(bytes); }
  close() {
    this.room.left(this); // what the server has read stays said
  }

  // break loses the connection, with what is on its way.
  break(code) {
    this.room.left(this);
    this.onclose({ code });
  }

  // step is something that happens to this connection, if anything can.
  step(random) {
    if (this.room.isAway) {
      this.break(1006);
    } else if (!this.isOpen) {
      this.isOpen = true;
      this.onopen();
    } else if (random.below(2) === 0 && this.toServer.length > 0) {
      this.read(this.toServer.shift());
    } else if (this.admitted && this.next < this.room.next) {
      this.write();
    } else if (this.toPage.length > 0) {
      this.onmessage({ data: this.toPage.shift() });
    }
  }

  read(bytes) {
    const text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to)).replace(/\0.*/su, "");
    if (bytes.length === 0) {
      if (this.next > this.seam) { // otherwise that is said soon
        this.frame([]);
      }
      return;
    }
    if (this.admitted) {
      this.room.append(text(0, 64), text(64, 512), this);
      return;
    }
    this.admitted = true;
    const { room, claim } = this;
    room.admit(this);
    const known = claim ? room.known(claim.epoch, claim.after) : 0;
    const returns = known > 0 || (claim?.epoch === room.epochs.at(-1).epoch && claim.after === 0);
    const first = Math.max(1, returns ? Math.max(known + 1, room.next - room.kept) : room.next - room.replay);
    const view = new DataView(new ArrayBuffer(room.servers > 1 ? 552 : 544));
    if (room.servers > 1) {
      view.setBigUint64(32, BigInt(`0x${this.server}`));
    }
    view.setBigUint64(0, BigInt(first));
    view.setBigUint64(8, 1_000_000n);
    view.setBigUint64(16, BigInt(`0x${room.epochs.at(-1).epoch}`));
    view.setBigUint64(24, BigInt(known));
    this.toPage.push(view.buffer);
    this.next = first;
    this.seam = room.next;
    if (first === this.seam) {
      this.frame([]);
    }
  }

  // write sends some of what is new.
  write() {
    const messages = [];
    const most = 1 + this.room.random.below(5);
    while (this.next < this.room.next && messages.length < most) {
      const m = this.room.log[this.next - 1];
      if (m.sender === this || m.from) {
        if (messages.length > 0) {
          break; // a frame has no gaps, and what has another name is alone in it
        }
        this.next++;
        if (m.from) {
          messages.push(m);
          break;
        }
        continue;
      }
      messages.push(m);
      this.next++;
      if (this.next === this.seam) {
        break;
      }
    }
    this.frame(messages);
    if (this.next === this.seam && messages.length > 0) {
      this.frame([]);
    }
  }

  frame(messages) {
    const number = messages[0]?.number ?? this.next;
    const head = messages[0]?.from === undefined ? 16 : 80;
    const bytes = new Uint8Array(head + 512 * messages.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(number));
    view.setBigUint64(8, BigInt(1_000_000 + number));
    const encoder = new TextEncoder();
    if (head === 80) {
      encoder.encodeInto(messages[0].from, bytes.subarray(16, 80));
    }
    messages.forEach((m, i) => {
      encoder.encodeInto(m.name, bytes.subarray(head + 512 * i));
      encoder.encodeInto(m.text, bytes.subarray(head + 512 * i + 64));
    });
    this.toPage.push(bytes.buffer);
  }
}
