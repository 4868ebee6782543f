// Loads from the history what was said while the page was not connected.

const most = 2000; // messages, as many as stay on the page
const tries = 2; // for each request that fails
const pause = 1000; // before it is tried again, unless the server says another, in milliseconds
const longestPause = 5000;
const writing = 500; // how long a message may not be written yet, in milliseconds

const wait = (time) => new Promise((done) => setTimeout(done, time));

// loadMissed returns the messages with numbers between after and before, the first
// first: {messages, isCut, failure}. If there are too many, isCut is set, and it is the
// last of them. If loading failed, failure is why, and messages has the last ones, which
// could be loaded before.
export async function loadMissed(history, after, before, isWanted) {
  let messages = [];
  let isWaiting = true;
  try {
    for (let next = before; next > after + 1; next = messages[0].number) {
      if (messages.length >= most) {
        return { messages, isCut: true };
      }
      let page = await load(history, after, next, isWanted);
      if (isWaiting && page.at(-1)?.number !== next - 1) {
        await wait(writing);
        page = await load(history, after, next, isWanted);
      }
      isWaiting = false;
      if (page.length === 0) {
        break;
      }
      messages = page.concat(messages);
    }
    return { messages };
  } catch (failure) {
    return { messages, failure };
  }
}

async function load(history, after, before, isWanted) {
  for (let n = 1; ; n++) {
    try {
      return await history.between(after, before);
    } catch (failure) {
      if (n === tries || failure.isFinal || !isWanted()) {
        throw failure;
      }
      await wait(Math.min(failure.retryAfter || pause, longestPause));
    }
  }
}
