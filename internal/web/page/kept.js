// Has the page's files kept, so that the page opens while the server can't be reached. See
// worker.js.

import { isAnswering } from "./connection.js";

const pause = 2000; // between two tries to reach the server, in milliseconds

// isKept tells whether this page was opened from what was kept.
const isKept = "kept" in document.documentElement.dataset;

// keepFiles has the files kept. A page that was opened from them says in an element that the
// server can't be reached. When it can, the page is replaced by the server's, if that is
// another and canReload returns that nothing would be lost.
export async function keepFiles(element, canReload) {
  try {
    const { serviceWorker } = navigator;
    if (!isKept) {
      await serviceWorker.register("worker.js", { updateViaCache: "none" });
      return;
    }
    serviceWorker.addEventListener("controllerchange", () => canReload() && location.reload());
    element.textContent = "The server can't be reached. Trying again…";
    while (!(await isAnswering())) {
      await new Promise((done) => setTimeout(done, pause));
    }
    element.textContent = "";
    const registration = await serviceWorker.ready;
    await registration.update();
  } catch {
    // Over http there are no workers, nor with cookies blocked. The page needs none.
  }
}
