// What is typed and not sent stays with its chat: while another one is shown, and when the page is loaded again.
import { box, write } from "./source_text.js";

// In this tab alone, and as long as it is open: what is typed is nobody else's business. A browser may refuse storage to
// a frame on another site: there it is kept as long as the page is open.
const DRAFTS = "chatbot_drafts";
const MOST_DRAFTS = 20;
let drafts = recallDrafts();

function recallDrafts() {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFTS)) ?? {};
  } catch {
    return {};
  }
}

function storeDrafts(kept) {
  drafts = Object.fromEntries(kept.slice(-MOST_DRAFTS));
  try {
    sessionStorage.setItem(DRAFTS, JSON.stringify(drafts));
  } catch {
    // Then not.
  }
}

// Under the name of its chat; without a name it is kept nowhere.
export function keepDraft(chat, words = box()?.value) {
  const others = Object.entries(drafts).filter(([each]) => each !== chat);
  storeDrafts(chat && words ? [...others, [chat, words]] : others);
}

// What was sent is no draft, wherever it was left before the server said that it has it.
export function dropDraft(words) {
  storeDrafts(Object.entries(drafts).filter(([, each]) => each !== words));
}

// In the place of what is in the box, or before what was typed while the page was loading.
export function bringDraft(chat, typed = "") {
  const words = (drafts[chat] ?? "") + typed;
  if (box().value !== words) write(box(), words);
}

export function forgetDrafts() {
  drafts = {};
  try {
    sessionStorage.removeItem(DRAFTS);
  } catch {
    // There are none then.
  }
}
