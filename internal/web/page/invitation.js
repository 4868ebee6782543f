// An empty room says that one is in, and has the link with which others come.

const $ = (id) => document.getElementById(id);

export class Invitation {
  #key;
  #isIn = false;

  // key returns the room's.
  constructor(key) {
    this.#key = key;
    $("copy").addEventListener("click", () => this.#copy());
    new MutationObserver(() => this.#show()).observe($("messages"), { childList: true });
  }

  // setIn says whether one is in the room.
  setIn(isIn) {
    this.#isIn = isIn;
    this.#show();
  }

  #show() {
    const isHidden = !this.#isIn || $("messages").hasChildNodes();
    if (isHidden && !$("empty").hidden) {
      $("copied").textContent = "";
      $("link").hidden = true;
    }
    $("empty").hidden = isHidden;
  }

  async #copy() {
    const link = `${location.origin}${location.pathname}#key=${encodeURIComponent(this.#key())}`;
    const isLocal = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
    try {
      await navigator.clipboard.writeText(link);
      $("copied").textContent = isLocal ? "Copied. It works on this machine only." : "Copied.";
    } catch {
      // Without https there is no clipboard.
      $("link").value = link;
      $("link").hidden = false;
      $("link").select();
      $("copied").textContent = "Copy it from here.";
    }
  }
}
