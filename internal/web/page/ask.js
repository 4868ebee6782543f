// Asks before something is done that can't be undone.

const $ = (id) => document.getElementById(id);

let settle = () => {}; // gives the answer

// ask returns a promise of whether the answer is yes, whose button has that label.
export function ask(question, yes) {
  settle(false); // one that was closed a moment ago
  $("question").textContent = question;
  $("yes").textContent = yes;
  $("ask").showModal();
  return new Promise((answer) => {
    settle = answer;
  });
}

for (const id of ["yes", "no"]) {
  $(id).addEventListener("click", () => {
    settle(id === "yes");
    $("ask").close();
  });
}
// The next question may have been asked before this comes.
$("ask").addEventListener("close", () => $("ask").open || settle(false));
