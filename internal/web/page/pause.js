// How long a page waits before it tries again to connect.

// A pause is chosen evenly between 0 and a window that doubles with each try, so that
// pages that lost the server at the same time do not come back at the same time: of
// 10,000 pages, 1,250 a second after a server said that it stops, and 625 a second when
// it was away for longer. One that is cut off for another reason may be alone, and waits
// for 1.5 seconds on average.
const first = 3000; // milliseconds
const firstAfterStop = 8000;
const longest = 16_000;

const goingAway = 1001; // the code with which a server that stops closes WebSockets
const serviceRestart = 1012; // that with which one does so that is about to be back

// hasStopped tells whether a code says that the server ends all connections.
export const hasStopped = (code) => code === goingAway || code === serviceRestart;

// window returns the longest pause before a try, the first being number 0. code is that
// with which the last connection was closed.
export const window = (number, code) =>
  Math.min(longest, (hasStopped(code) ? firstAfterStop : first) * 2 ** Math.min(number, 10));
