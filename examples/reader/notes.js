// @ts-check
// What the page remembers of its own: which model, which text, which budgets. A browser that refuses to keep anything
// refuses this too, by throwing; then it lasts as long as the page.

/** @type {Map<string, string>} */
const here = new Map();

export const recall = (/** @type {string} */ name) => {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return here.get(name);
  }
};

/** @param {string} name @param {string | undefined} text nothing: it is forgotten */
export const note = (name, text) => {
  try {
    if (text === undefined) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch {
    if (text === undefined) here.delete(name);
    else here.set(name, text);
  }
};
