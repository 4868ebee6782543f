// How a page that nobody looks at says that there is something to read.

import { settings } from "./storage.js";
import { plain, plainName } from "./text.js";

const program = document.title;

export const isLookedAt = () => document.hasFocus() && !document.hidden;

export class Alerts {
  #title = program;
  #unread = 0;
  #mentions = 0; // of those
  #notify;
  #sound;
  #onlyMentions;
  #audio = null;

  // notify and sound are the boxes that switch those on, and onlyMentions the one that
  // limits them to mentions.
  constructor(notify, sound, onlyMentions) {
    this.#notify = notify;
    this.#sound = sound;
    this.#onlyMentions = onlyMentions;
    // Notifications exist only where the page came by a safe way.
    const can = "Notification" in globalThis && isSecureContext;
    notify.closest("label").hidden = !can;
    notify.checked = can && Notification.permission === "granted" && settings.get("notify") === "on";
    sound.checked = settings.get("sound") === "on";
    notify.addEventListener("change", async () => {
      if (notify.checked && (await Notification.requestPermission()) !== "granted") {
        notify.checked = false;
      }
      settings.set("notify", notify.checked ? "on" : "off");
    });
    sound.addEventListener("change", () => {
      settings.set("sound", sound.checked ? "on" : "off");
      if (sound.checked) {
        this.#beep();
      }
    });
    onlyMentions.checked = settings.get("only-mentions") === "on";
    onlyMentions.addEventListener("change", () => {
      settings.set("only-mentions", onlyMentions.checked ? "on" : "off");
    });
    addEventListener("focus", () => this.#looked());
    document.addEventListener("visibilitychange", () => this.#looked());
  }

  // setRoom says the name of the room that the page shows, "" for none.
  setRoom(name) {
    this.#title = name === "" ? program : `${plainName(name)} – ${program}`;
    this.#show();
  }

  // arrived says that there is a message.
  arrived(message, isMention) {
    if (isLookedAt()) {
      return;
    }
    this.#unread++;
    this.#mentions += isMention ? 1 : 0;
    this.#show();
    if (this.#onlyMentions.checked && !isMention) {
      return;
    }
    if (this.#sound.checked) {
      this.#beep();
    }
    if (this.#notify.checked) {
      this.#notifyOf(message);
    }
  }

  #notifyOf(message) {
    try {
      const notification = new Notification(plainName(message.name), { body: plain(message.text), tag: "sop-chat" });
      notification.onclick = () => {
        focus();
        notification.close();
      };
    } catch {
      // Android has notifications for service workers alone.
      this.#notify.checked = false;
      this.#notify.closest("label").hidden = true;
    }
  }

  #looked() {
    if (isLookedAt()) {
      this.#unread = this.#mentions = 0;
      this.#show();
    }
  }

  #show() {
    const mentions = this.#mentions > 0 ? `@${this.#mentions}, ` : "";
    document.title = this.#unread > 0 ? `(${mentions}${this.#unread}) ${this.#title}` : this.#title;
  }

  // beep sounds at most once in a while.
  #beep() {
    if (!globalThis.AudioContext) {
      return;
    }
    this.#audio ??= new AudioContext();
    const audio = this.#audio;
    if (audio.busyUntil > audio.currentTime) {
      return;
    }
    audio.busyUntil = audio.currentTime + 1;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.08, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.25);
  }
}
