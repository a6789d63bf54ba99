// The panels beside the chat: each is open or not. Where there is no room for both only one at a time is, and on a narrow
// screen that is over the chat.
import { token } from "./actions.js";
import { shortcut } from "./shortcuts.js";

const narrow = matchMedia("(max-width: 60rem)");
const roomy = matchMedia("(min-width: 80rem)");
const layout = document.querySelector("#layout");
export const talk = document.querySelector("#talk");
const toggleOf = (name) => document.querySelector(`#${name}-toggle`);
const panels = { sidebar: () => !narrow.matches, panel: () => roomy.matches };
// An owner may have none.
if (!toggleOf("panel")) delete panels.panel;

const isOpen = (name) => layout.classList.contains(`${name}-open`);

export function show(name, open) {
  layout.classList.toggle(`${name}-open`, open);
  toggleOf(name).setAttribute("aria-expanded", String(open));
  talk.inert = narrow.matches && Object.keys(panels).some(isOpen);
}

export function arrange() {
  layout.classList.add("arranged");
  for (const [name, byDefault] of Object.entries(panels)) show(name, byDefault());
}

// Whether the conversations gave way to the other panel.
let gaveWay = false;

function slideIn(name) {
  if (!roomy.matches) {
    gaveWay = name === "panel" && isOpen("sidebar");
    for (const other of Object.keys(panels)) if (other !== name) show(other, false);
  }
  show(name, true);
  if (narrow.matches) document.querySelector(`#${name} .close`).focus();
}

function toggle(name) {
  if (!isOpen(name)) return slideIn(name);
  show(name, false);
  if (name === "panel" && gaveWay && panels.sidebar()) show("sidebar", true);
}

function slideOut() {
  const name = Object.keys(panels).find(isOpen);
  if (!narrow.matches || !name) return;
  show(name, false);
  toggleOf(name).focus();
}

Object.keys(panels).forEach((name) => toggleOf(name).setAttribute("aria-controls", name));
arrange();
for (const width of [narrow, roomy]) width.addEventListener("change", arrange);

document.addEventListener("click", (event) => {
  const pressed = Object.keys(panels).find((name) => event.target.closest(`#${name}-toggle`));
  if (pressed) return toggle(pressed);
  // The chat is inert below an open panel: a tap on it is one on what holds both.
  const chosen = event.target.closest(`#sidebar button.${token()}.open, #new-chats button, #layout .close`);
  if (chosen || event.target === layout) slideOut();
});

document.querySelector("#skip button").addEventListener("click", () => document.querySelector("#box textarea").focus());

const isOver = () => narrow.matches && Object.keys(panels).some(isOpen);
shortcut({ keys: "Escape", what: "key_stop", act: slideOut, when: isOver });
shortcut({ keys: "Mod+Shift+O", what: "key_new", act: () => document.querySelector("#new-chat").click() });
shortcut({ keys: "Mod+Shift+S", what: "key_sidebar", act: () => toggle("sidebar") });
if (panels.panel) shortcut({ keys: "Mod+.", what: "key_panel", act: () => toggle("panel") });
