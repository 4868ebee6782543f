// The service worker, which opens the page while the server can't be reached. All that
// the server answers is passed on as it is, so nobody is shown an older page than it has.
// It knows no version of the page: kept.js keeps the files, all of one in one cache.

const prefix = `shell ${registration.scope} `; // there may be other rooms below other paths
const unreachable = [502, 503, 504]; // says a proxy for a server that is away

// opened are the pages that were opened from what is kept. Their files come from there,
// too, and those of all others from the server, so that no page has files of two versions.
const opened = new Map(); // the cache and the addresses in it, by the client's id

addEventListener("install", (event) => event.waitUntil(skipWaiting()));

addEventListener("fetch", (event) => {
  const { request, clientId } = event;
  const { origin, pathname } = new URL(request.url);
  const address = origin + pathname;
  const page = opened.get(clientId);
  if (request.method !== "GET") {
    return;
  }
  if (request.mode === "navigate" && address === registration.scope) {
    event.respondWith(open(event));
  } else if (page?.files.has(address)) {
    event.respondWith(find(page.cache, address));
  }
});

async function open({ request, resultingClientId }) {
  const response = await fetch(request).catch(() => Response.error());
  if (response.type !== "error" && !unreachable.includes(response.status)) {
    return response;
  }
  const names = (await caches.keys()).filter((name) => name.startsWith(prefix));
  for (const name of names.reverse()) {
    const cache = await caches.open(name);
    const index = await find(cache, registration.scope);
    if (index.type !== "error") {
      opened.set(resultingClientId, { cache, files: new Set((await cache.keys()).map(({ url }) => url)) });
      const version = name.slice(prefix.length);
      const text = (await index.text()).replace("<html", `<html data-kept="${version}"`); // so that the page knows it
      return new Response(text, index);
    }
  }
  return response;
}

async function find(cache, address) {
  return (await cache.match(address, { ignoreVary: true })) ?? Response.error();
}
