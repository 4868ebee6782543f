// Asks before something is done that can't be undone.

const $ = (id) => document.getElementById(id);

// ask returns a promise of whether the answer is yes, whose button has that label.
export function ask(question, yes) {
  const dialog = $("ask");
  $("question").textContent = question;
  $("yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) => {
    dialog.onclose = () => answer(dialog.returnValue === "yes");
  });
}

$("yes").addEventListener("click", () => $("ask").close("yes"));
$("no").addEventListener("click", () => $("ask").close());
