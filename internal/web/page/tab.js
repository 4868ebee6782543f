// What this tab remembers of this room. Rooms below other paths of the same host
// have the same sessionStorage, so the names in it begin with the path.

const path = new URL(".", location.href).pathname;

export const remember = (name, text) => sessionStorage.setItem(`${path} ${name}`, text);
export const recall = (name) => sessionStorage.getItem(`${path} ${name}`);
export const forget = (name) => sessionStorage.removeItem(`${path} ${name}`);
