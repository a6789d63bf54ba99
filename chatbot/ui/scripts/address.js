// The page's address is that of the chat it shows, and its title says which one: it can be loaded again, one can go back
// to the chat before, and a bookmark leads there. It is its owner's: nobody else finds anything there.
import { tell } from "./actions.js";
import { bringDraft, forgetDrafts, keepDraft } from "./drafts.js";
import { box } from "./source_text.js";

const NEW_CHAT = "new";
const appName = window.gradio_config.title ?? document.title;
// The history of a frame is that of the page around it: whoever goes back there wants to leave that.
const keepsHistory = window.parent === window;

let chatShown = null; // what the server told last: its id, its address, its title
let aimedAt = null; // where going back or forward leads, until it is shown
let isRecovering = false; // what was typed is put back by whoever lost the server (connection.js)
let hasEnded = false;

const chatAddressed = () => new URL(location.href).searchParams.get("chat");

function addressOf(chat) {
  const url = new URL(location.href);
  if (chat) url.searchParams.set("chat", chat);
  else url.searchParams.delete("chat");
  return url.href;
}

// The id of the chat that is shown; of one in which nothing was said yet, none.
export const openChat = () => (chatShown && chatShown.address !== NEW_CHAT ? chatShown.id : null);

// What a page asks to be shown when its stream begins: what it shows, or what it was loaded for.
export function chatWanted() {
  if (chatShown) return chatShown.address || NEW_CHAT;
  return chatAddressed() ?? "";
}

export function recover() {
  isRecovering = true;
}

export function showChat(chat) {
  const before = chatShown;
  chatShown = chat;
  document.title = chat.title ? `${chat.title} – ${appName}` : appName;
  note(before, chat);
  if (!before) bringFirst();
  else if (before.id !== chat.id) {
    const isNew = !chat.address || chat.address === NEW_CHAT;
    // To a new chat the words go along: they may be what it is for.
    keepDraft(before.address, isNew ? "" : box().value);
    if (!isNew) bringDraft(chat.address);
  }
}

// Gradio may draw the box after the stream has begun.
function bringFirst() {
  if (isRecovering) return;
  if (!box()) setTimeout(bringFirst, 50);
  else if (chatShown.address) bringDraft(chatShown.address, box().value);
}

function note(before, { id, address }) {
  const isAimedAt = aimedAt === null || address === aimedAt;
  const isTheSame = before?.id === id;
  // Still the one that was shown before the last of several steps back.
  if (!isAimedAt && !isTheSame) return;
  aimedAt = null;
  const href = addressOf(address);
  if (href === location.href) return;
  // A new chat that has begun is no other page; nor is what could not be opened.
  if (!before || isTheSame || !keepsHistory) history.replaceState(history.state, "", href);
  else history.pushState(null, "", href);
}

window.addEventListener("popstate", () => {
  const chat = chatAddressed() ?? NEW_CHAT;
  if (!chatShown || chat === chatShown.address) return;
  aimedAt = chat;
  tell(chat === NEW_CHAT ? ["new"] : ["open", chat]);
});

const leave = () => chatShown && !hasEnded && keepDraft(chatShown.address);
window.addEventListener("pagehide", leave);
// A phone ends pages that are not seen without another word.
document.addEventListener("visibilitychange", () => document.hidden && leave());

// Who signs out, or deletes all they said, leaves nothing behind.
export function leaveNoDrafts() {
  hasEnded = true;
  forgetDrafts();
}
