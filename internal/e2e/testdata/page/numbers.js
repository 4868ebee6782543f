// Examples for ranges.js, wire.js and numbers.js. wrongNumbers returns those that come out
// otherwise.
function wrongNumbers() {
  const wrong = [];
  const expect = (what, got, want) => {
    if (JSON.stringify(got) !== JSON.stringify(want)) {
      wrong.push(`${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
    }
  };

  const own = new Ranges([[2, 4]]);
  for (const number of [5, 8, 9, 12]) {
    own.add(number);
  }
  const all = (set) => [...Array(16).keys()].filter((number) => set.has(number));
  expect("a set", own, [[2, 5], [8, 9], [12, 12]]);
  expect("what it has", all(own), [2, 3, 4, 5, 8, 9, 12]);
  expect("how many it has from 5 to 8", own.count(5, 8), 2);
  own.clip(8);
  expect("what is left up to 8", all(own), [2, 3, 4, 5, 8]);
  own.clip(0);
  expect("what is left up to 0", own, []);
  for (let number = 0; number < 4000; number += 2) {
    own.add(number);
  }
  expect("how many ranges a set has", JSON.parse(JSON.stringify(own)).length, 1000);
  expect("the greatest that was left out", [own.has(1998), own.has(2000), own.has(3998)], [false, true, true]);

  const frame = (...parts) => {
    const bytes = new Uint8Array(16 + parts.reduce((sum, part) => sum + part.length, 0));
    new DataView(bytes.buffer).setBigUint64(0, 7n);
    new DataView(bytes.buffer).setBigUint64(8, 1000n);
    let at = 16;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes.buffer;
  };
  const time = new Date(1000);
  const name = new Uint8Array(64);
  name.set([0x65, 0xff]); // an e, and what is not UTF-8
  expect("an empty frame", decodeFrame(frame()), { number: 7, time, messages: [] });
  expect("two messages", decodeFrame(frame(encode("a", "b"), encode("c", "d"))).messages, [
    { name: "a", text: "b", number: 7, time }, { name: "c", text: "d", number: 8, time },
  ]);
  expect("one with a name", decodeFrame(frame(name, encode("a", "b"))).messages, [
    { name: "a", text: "b", from: "e\udcff", number: 7, time },
  ]);
  expect("an admission", decodeAdmission(frame([0, 1, 2, 3, 4, 5, 6, 255], [0, 0, 0, 0, 0, 0, 0, 5], encode("a", ""))), {
    number: 7, time, epoch: "00010203040506ff", known: 5, server: "0",
  });
  const five = [0, 0, 0, 0, 0, 0, 0, 5];
  expect("an admission in a cluster", decodeAdmission(frame(five, five, [0, 1, 2, 3, 4, 5, 6, 255], encode("a", ""))).server, "00010203040506ff");
  for (const length of [0, 15]) {
    expect(`a frame of ${length}`, decodeFrame(new ArrayBuffer(length)), null);
  }
  expect("half a message", decodeFrame(frame(new Uint8Array(256))), null);
  expect("an admission without known", decodeAdmission(frame(encode("a", ""))), null);

  // Only a message that an earlier connection sent, and that comes before all that was
  // missed is there, is recognised by its text.
  const first = { epoch: "1", known: 0, number: 3 };
  const numbers = new Numbers("alice");
  const [one, two] = [{ text: "one" }, { text: "two" }];
  const of = (text, number, from) => ({ number, time, messages: [{ name: "alice", text, number, time, from }] });
  const kinds = (settled) => settled.map(({ item }) => item?.text ?? "message");
  numbers.admitted(first, null);
  numbers.say(one);
  expect("what is sent before all is there", numbers.toSend(), []);
  numbers.received({ number: 3, time, messages: [] });
  expect("what is sent then", numbers.toSend(), [one]);
  expect("a namesake's message", kinds(numbers.received(of("one", 3))), ["message"]);
  numbers.say(two);
  numbers.toSend();
  numbers.lost();
  numbers.admitted({ epoch: "1", known: 3, number: 4 }, numbers.claim());
  expect("one that says alice", kinds(numbers.received(of("one", 4, "eve"))), ["message"]);
  expect("the second first", kinds(numbers.received(of("two", 5))), ["message"]);
  expect("the first", kinds(numbers.received(of("one", 6))), ["one"]);
  expect("the first once more", kinds(numbers.received(of("one", 7))), ["message"]);
  numbers.received({ number: 8, time, messages: [] });
  expect("what is sent again", numbers.toSend(), [two]);
  expect("a namesake's message that is like it", kinds(numbers.received(of("two", 8))), ["message"]);
  expect("an acknowledgement", kinds(numbers.received({ number: 10, time, messages: [] })), ["two"]);
  expect("which are one's own", [6, 7, 8, 9].filter((number) => numbers.isOwn(number)), [6, 9]);
  return wrong;
}
