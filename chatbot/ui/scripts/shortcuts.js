// Every key that the page knows is in one table, which is also the help that it shows. A module that wants a key adds it;
// of several entries for one key the first does it whose `when` holds.
import { remembered, rememberChoice } from "./remembered.js";
import { t } from "./texts.js";

const SINGLE_KEYS = "chatbot_single_keys";
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const shortcuts = [];

// `keys` is what is pressed, such as "Mod+Shift+O", where Mod is ⌘ on a Mac and Ctrl elsewhere; `what` is the name of the
// text that says what it does; `act` does it, and is absent where the browser or Gradio does.
export function shortcut({ keys, what, act, when }) {
  shortcuts.push({ keys, what, act, when });
}

// What Gradio's box does by itself.
shortcut({ keys: "Enter", what: "key_send" });
shortcut({ keys: "Shift+Enter", what: "key_line" });

const isSingle = (keys) => keys.length === 1;
const isTyping = (target) => target.matches?.("textarea, input") ?? false;

function isPressed({ key, ctrlKey, metaKey, shiftKey, altKey }, keys) {
  const parts = keys.split("+");
  const wanted = parts.pop();
  const [mod, other] = isMac ? [metaKey, ctrlKey] : [ctrlKey, metaKey];
  if (altKey || other || mod !== parts.includes("Mod")) return false;
  // A sign such as "?" takes Shift on some keyboards and not on others.
  const isSign = isSingle(wanted) && !/[a-z]/i.test(wanted);
  return key?.toLowerCase() === wanted.toLowerCase() && (isSign || shiftKey === parts.includes("Shift"));
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  const found = shortcuts.find(({ keys, act, when }) => {
    if (!act || !isPressed(event, keys)) return false;
    // Who types a sign means it; who speaks to the machine, or slips, may have such keys do nothing (WCAG 2.1.4).
    if (isSingle(keys) && (isTyping(event.target) || remembered(SINGLE_KEYS) === "off")) return false;
    return when?.(event) ?? true;
  });
  if (!found) return;
  event.preventDefault();
  found.act(event);
});

// --- The help

const NAMES = {
  Mod: isMac ? "⌘" : "Ctrl",
  Alt: isMac ? "⌥" : "Alt",
  Shift: isMac ? "⇧" : "Shift",
  Escape: "Esc",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageUp: "Page ↑",
  PageDown: "Page ↓",
  Enter: "Enter ↵",
};

function written(keys) {
  return keys.split("+").map((key) => {
    return Object.assign(document.createElement("kbd"), { textContent: NAMES[key] ?? key.toUpperCase() });
  });
}

// One line for each thing that can be done, with all the keys that do it.
function helpLines() {
  const keysOf = new Map();
  for (const { keys, what } of shortcuts) keysOf.set(what, (keysOf.get(what) ?? new Set()).add(keys));
  return [...keysOf].map(([what, several]) => {
    const line = document.createElement("div");
    const pressed = document.createElement("dt");
    for (const keys of several) {
      const together = document.createElement("span");
      together.append(...written(keys));
      pressed.append(together);
    }
    line.append(pressed, Object.assign(document.createElement("dd"), { textContent: t(what) }));
    return line;
  });
}

const help = Object.assign(document.createElement("dialog"), { id: "shortcuts" });

export function showShortcuts() {
  const heading = Object.assign(document.createElement("h2"), { id: "shortcuts-title", textContent: t("shortcuts") });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "close-help" });
  close.innerHTML = '<i class="glyph cross"></i>';
  close.setAttribute("aria-label", t("close"));
  close.addEventListener("click", () => help.close());
  const head = document.createElement("header");
  head.append(heading, close);
  const list = document.createElement("dl");
  list.append(...helpLines());
  const single = Object.assign(document.createElement("input"), { type: "checkbox" });
  single.checked = remembered(SINGLE_KEYS) !== "off";
  single.addEventListener("change", () => rememberChoice(SINGLE_KEYS, single.checked ? null : "off"));
  const label = document.createElement("label");
  label.append(single, t("single_keys"));
  help.setAttribute("aria-labelledby", heading.id);
  help.replaceChildren(head, list, label);
  help.showModal();
}

// A click beside it closes it.
help.addEventListener("click", ({ target }) => target === help && help.close());
document.querySelector("#layout").append(help);
