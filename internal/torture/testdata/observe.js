// Says what the page shows, and talks as a person does: by what is on the page alone.
globalThis.torture = (() => {
  const most = 5000; // of shown; there are fewer on the page
  const few = 300; // of which the new ones are found, most of the time
  const longest = 10_000; // for which the page draws many messages, in milliseconds
  const loaded = 2000; // messages, if more than that were missed
  const list = document.getElementById("messages");
  const shown = []; // the last messages that the page has shown in their places
  let isChanged = true;
  let since = 0; // when the page began to show something that does not go on with those
  new MutationObserver(() => (isChanged = true)).observe(list, { subtree: true, childList: true, attributes: true });

  function read(article) {
    article.torture ??= {
      name: article.querySelector("header b").textContent,
      text: article.querySelector(".text").textContent,
    };
    return { ...article.torture, own: article.classList.contains("own") };
  }

  const isSame = (a, b) => a.name === b.name && a.text === b.text && a.own === b.own;

  // after returns what the page shows behind everything in shown, null if it does not go on with
  // that: so it is for a moment while the page draws many messages, from the last one upwards.
  function after(now) {
    if (shown.length === 0) {
      return now;
    }
    for (let n = Math.min(now.length, shown.length); n > 0; n--) {
      const from = shown.length - n;
      let i = 0;
      while (i < n && isSame(shown[from + i], now[i])) {
        i++;
      }
      if (i === n) {
        return now.slice(n);
      }
    }
    return null;
  }

  return {
    // take returns {messages, isCut, fault, notes}: what was shown since it was called before,
    // whether too much was missed for it to go on with that, what is wrong, and all remarks.
    take() {
      if (!isChanged) {
        return { messages: [], notes: [] };
      }
      isChanged = false;
      const notes = [...list.querySelectorAll(".note")].map((note) => note.textContent);
      const articles = [...list.querySelectorAll(".message:not(.unsent)")];
      let messages = after(articles.slice(-few).map(read)) ?? after(articles.map(read));
      let isCut = false;
      if (!messages) {
        since ||= Date.now();
        isChanged = true;
        if (Date.now() - since < longest) {
          return { messages: [], notes };
        }
        const now = articles.map(read);
        if (now.length < loaded || now.some((m) => isSame(m, shown.at(-1)))) {
          const fault = `the last one was ${shown.at(-1).text}, and it shows ${now[0]?.text} to ${now.at(-1)?.text}`;
          return { messages: [], fault, notes };
        }
        isCut = true;
        messages = now;
        shown.length = 0;
      }
      since = 0;
      shown.push(...messages);
      shown.splice(0, shown.length - most);
      return { messages, isCut, notes };
    },

    say(text) {
      document.getElementById("text").value = text;
      document.getElementById("compose").requestSubmit();
    },
  };
})();
