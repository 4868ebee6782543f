// Keeps the page's files, so that the page opens while the server can't be reached. See
// worker.js.

const patience = 10_000; // for an answer, in milliseconds
const pause = 2000; // between two tries to reach the server

// keptVersion is which version of the page was kept, if this one was opened from it.
const keptVersion = document.documentElement.dataset.kept;

// keepFiles has the files kept. A page that was opened from them says in an element that the
// server can't be reached. When it can, the server's page replaces it, if that is another
// and canReload says that nothing would be lost.
export async function keepFiles(element, canReload) {
  if (keptVersion === undefined) {
    await keep().catch(() => {}); // over http there are no workers, nor with cookies blocked
    return;
  }
  element.textContent = "The server can't be reached. Trying again…";
  const { version } = await answer();
  element.textContent = "";
  if (version !== keptVersion && canReload()) {
    location.reload();
  }
}

// keep keeps the files of the server's version, and no others.
async function keep() {
  const { scope } = await navigator.serviceWorker.register("worker.js", { updateViaCache: "none" });
  const { version, files } = await shell();
  const prefix = `shell ${scope} `;
  const cache = await caches.open(prefix + version);
  if (!(await cache.match(".", { ignoreVary: true }))) {
    await cache.addAll(Object.entries(files).map(([file, integrity]) => new Request(file, { integrity }))); // all or none
  }
  for (const name of await caches.keys()) {
    if (name.startsWith(prefix) && name !== prefix + version) {
      await caches.delete(name);
    }
  }
}

// shell returns which files the server's page has, each with its hash, and their version.
async function shell() {
  const response = await fetch("shell.json", { signal: AbortSignal.timeout(patience) });
  if (!response.ok) {
    throw new Error(response.statusText);
  }
  return response.json();
}

// answer returns the same as soon as the server can be reached.
async function answer() {
  for (;;) {
    try {
      return await shell();
    } catch {
      await new Promise((done) => setTimeout(done, pause));
    }
  }
}
