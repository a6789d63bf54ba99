// The panels beside the chat: each is open or not, and on a narrow screen only one at a time, over the chat.
import { token } from "./actions.js";

const narrow = matchMedia("(max-width: 60rem)");
const roomy = matchMedia("(min-width: 80rem)");
const layout = document.querySelector("#layout");
export const talk = document.querySelector("#talk");
const panels = { sidebar: () => !narrow.matches, panel: () => roomy.matches };

const isOpen = (name) => layout.classList.contains(`${name}-open`);
const toggleOf = (name) => document.querySelector(`#${name}-toggle`);

function show(name, open) {
  layout.classList.toggle(`${name}-open`, open);
  toggleOf(name).setAttribute("aria-expanded", String(open));
  talk.inert = narrow.matches && Object.keys(panels).some(isOpen);
}

function arrange() {
  for (const [name, byDefault] of Object.entries(panels)) show(name, byDefault());
}

function slideIn(name) {
  show(name, true);
  if (narrow.matches) document.querySelector(`#${name} .close`).focus();
}

function slideOut() {
  const name = Object.keys(panels).find(isOpen);
  if (!narrow.matches || !name) return;
  show(name, false);
  toggleOf(name).focus();
}

Object.keys(panels).forEach((name) => toggleOf(name).setAttribute("aria-controls", name));
arrange();
narrow.addEventListener("change", arrange);

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("#header button");
  if (toggle && !event.target.closest("#chat")) {
    const name = toggle.id.replace("-toggle", "");
    if (isOpen(name)) show(name, false);
    else slideIn(name);
    return;
  }
  // The chat is inert below an open panel: a tap on it is one on what holds both.
  const chosen = event.target.closest(`#sidebar button.${token()}.open, #new-chat, #layout .close`);
  if (chosen || event.target === layout) slideOut();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") slideOut();
});
