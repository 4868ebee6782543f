// The service worker, which opens the page while the server can't be reached. All that
// the server answers is passed on as it is, so nobody is shown an older page than it has.
//
// The server puts a line before this that declares shell: {version, files}. Files are
// those of the page, each with its hash. So the worker changes whenever one of them does,
// and what it keeps is all of one version.

const prefix = `shell ${registration.scope} `; // there may be other rooms below other paths
const kept = prefix + shell.version;
const unreachable = [502, 503, 504]; // says a proxy for a server that is away

// opened are the pages that were opened from what is kept. Their files come from there,
// too, and those of all others from the server, so that no page has files of two versions.
const opened = new Set();

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(forgetOthers()));

// keep fetches the files, and nothing else is ever kept. The former worker and its files
// are not waited for: pages that were opened from those have loaded them.
async function keep() {
  const cache = await caches.open(kept);
  await cache.addAll(Object.entries(shell.files).map(([file, integrity]) => new Request(file, { integrity })));
  await skipWaiting();
}

async function forgetOthers() {
  for (const name of await caches.keys()) {
    if (name.startsWith(prefix) && name !== kept) {
      await caches.delete(name);
    }
  }
}

addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  const { origin, pathname } = new URL(request.url);
  const [before, file] = `${origin}${pathname}`.split(registration.scope);
  if (request.method !== "GET" || before !== "" || !Object.hasOwn(shell.files, file || ".")) {
    return;
  }
  if (request.mode === "navigate" && file === "") {
    event.respondWith(open(event));
  } else if (opened.has(clientId)) {
    event.respondWith(find(file));
  }
});

async function open({ request, resultingClientId }) {
  const response = await fetch(request).catch(() => Response.error());
  if (response.type !== "error" && !unreachable.includes(response.status)) {
    return response;
  }
  const index = await find(".");
  if (index.type === "error") {
    return response;
  }
  opened.add(resultingClientId);
  const text = await index.text();
  return new Response(text.replace("<html", "<html data-kept"), index); // so that the page knows
}

async function find(file) {
  const cache = await caches.open(kept);
  return (await cache.match(file, { ignoreVary: true })) ?? Response.error();
}
