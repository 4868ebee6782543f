// Days, as they are shown between messages.

export const calendar = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});

export const sameDay = (a, b) => a.toDateString() === b.toDateString();

// day returns what separates the messages of a day from those before.
export function day(time) {
  const border = document.createElement("div");
  border.className = "day";
  border.setAttribute("role", "separator");
  border.dataset.time = time.toISOString();
  border.textContent = words(time);
  return border;
}

function words(time) {
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  return sameDay(time, today) ? "Today" : sameDay(time, yesterday) ? "Yesterday" : calendar.format(time);
}

// keepTrue has the days in a list say what they are on the day on which they are read.
export function keepTrue(list) {
  let today = new Date();
  setInterval(() => {
    const now = new Date();
    if (sameDay(now, today)) {
      return;
    }
    today = now;
    for (const border of list.querySelectorAll(".day")) {
      border.textContent = words(new Date(border.dataset.time));
    }
  }, 2000); // a timer to midnight would be late by as long as the machine slept
}
