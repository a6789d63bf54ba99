// What somebody chose for this browser. It may refuse storage to a frame on another site: there it holds for the page.
const chosen = new Map();

export function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return chosen.get(name) ?? null;
  }
}

// With null it is forgotten.
export function rememberChoice(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    chosen.set(name, value);
  }
}
