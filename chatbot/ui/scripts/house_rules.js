// The banner that stays closed until its text changes, the terms in the chat's place, and a temporary chat's end.
import { token } from "./actions.js";
import { forgetDrafts } from "./drafts.js";
import { remembered, rememberChoice } from "./remembered.js";
import { box } from "./source_text.js";
import { root } from "./texts.js";

const CLOSED = "chatbot_closed_banner";
const banner = document.querySelector("#banner .banner");
if (banner) {
  banner.hidden = remembered(CLOSED) === banner.dataset.text;
  banner.querySelector("button").addEventListener("click", () => {
    banner.hidden = true;
    rememberChoice(CLOSED, banner.dataset.text);
  });
}

// Who has accepted the terms goes on by writing: what had the focus is gone.
const terms = document.querySelector("#terms");
let isAsking = false;
if (terms) {
  new MutationObserver(() => {
    // What scrolls by itself can be reached, and so scrolled, by keyboard.
    terms.firstElementChild.tabIndex = 0;
    if (isAsking && terms.querySelector(".accepted")) box().focus();
    isAsking = Boolean(terms.querySelector(".asking"));
  }).observe(terms, { childList: true, subtree: true });
}

// What was opened to be sure is closed once it is done.
document.addEventListener("click", ({ target }) => {
  const done = target.closest(`#house button.${token()}`);
  if (!done) return;
  done.closest("details").open = false;
  forgetDrafts();
});

// A temporary chat is gone when its page is: the request outlives the page.
window.addEventListener("pagehide", () => {
  if (!document.querySelector("#temporary .temporary")) return;
  fetch(`${root}/chat/leave`, { method: "POST", body: "[]", keepalive: true }).catch(() => {});
});
