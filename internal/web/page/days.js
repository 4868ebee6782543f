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
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  border.textContent = sameDay(time, today) ? "Today" : sameDay(time, yesterday) ? "Yesterday" : calendar.format(time);
  return border;
}
