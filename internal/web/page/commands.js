// What one writes that begins with a slash, as in sop-chat join.

const help = `/me TEXT says what you do: /me waves
//TEXT sends a text that begins with /
Enter sends; Shift+Enter begins a new line
Lines between \`\`\`, indented lines and lines with tabs are shown as code`;

// interpret returns what is to be said, {text}, or what is to be answered, {answer}; if
// that is an error, what was written stays: {answer, isError}.
export function interpret(text) {
  if (!text.startsWith("/") || text.startsWith("//")) {
    return { text: text.replace(/^\//, "") };
  }
  const [, name, argument] = /^\/(\S*)\s*([\s\S]*)$/.exec(text);
  switch (name) {
    case "help":
      return { answer: help };
    case "me":
      return argument === ""
        ? { answer: "/me needs a text, such as /me waves", isError: true }
        : { text: `/me ${argument}` };
  }
  return {
    answer: `There is no command /${name}; /help shows all, and // sends a text that begins with /.`,
    isError: true,
  };
}
