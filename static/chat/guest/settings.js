// What the server has put into the page: ids, and every word in the guest's language.

export const settings = JSON.parse(document.querySelector("#settings").textContent);

export function say(key, values = {}) {
  return settings.words[key].replace(/{(\w+)}/g, (_, name) => values[name]);
}
