// mentions tells whether a text has a name in it as a word of its own, in whatever case.
export function mentions(text, name) {
  const quoted = name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return name !== "" && new RegExp(`(?<![\\p{L}\\p{M}\\p{N}_])${quoted}(?![\\p{L}\\p{M}\\p{N}_])`, "iu").test(text);
}
