// What comes with the page's stream is drawn by Gradio's own components, through an event without a function: it is given
// an update for each of OUTPUTS, and leaves those alone that have none.
import { showChat } from "./address.js";
import { dropDraft } from "./drafts.js";
import { showEnd } from "./following.js";
import { notify, outdate } from "./notices.js";
import { mayMention } from "./recall_hint.js";
import { empty, giveBack, write } from "./source_text.js";

let messages = [];
let updates = {};

window.chatbotDrawn = () => {
  const drawn = OUTPUTS.map((name) => updates[name]);
  updates = {};
  return drawn;
};

export function draw(components) {
  for (const [name, properties] of Object.entries(components)) {
    updates[name] = { __type__: "update", ...updates[name], ...withoutChanging(name, properties) };
  }
  window.chatbotDraw();
}

// What a visitor changes is theirs until the server has heard of it: its value that is drawn meanwhile, by a page that is
// only beginning or that comes back, was read before. The server then sends the value that counts, which may be another.
const changes = new Map();
const changeOf = (name) => {
  if (!changes.has(name)) changes.set(name, { typed: null, underWay: 0, held: null });
  return changes.get(name);
};
const nameOf = (field) => OUTPUTS.find((each) => field.closest(`#panel #${each.replaceAll("_", "-")}`));

function withoutChanging(name, { value, ...rest }) {
  const change = changes.get(name);
  if (value === undefined) return rest;
  if (!change || (change.typed === null && !change.underWay)) return { value, ...rest };
  change.held = { value };
  return rest;
}

document.addEventListener("input", ({ target }) => {
  const name = nameOf(target);
  if (name) changeOf(name).typed = target.value;
});

// Gradio gives a field that it has just made its value once more, and that may be after somebody has begun to type.
document.addEventListener(
  "blur",
  ({ target }) => {
    const typed = target.closest && changes.get(nameOf(target))?.typed;
    if (typeof typed === "string" && target.value !== typed) write(target, typed);
  },
  true,
);

// While `tellServer` does so, and returns what it does.
export async function changing(name, tellServer) {
  const change = changeOf(name);
  change.typed = null;
  change.underWay++;
  try {
    return await tellServer();
  } finally {
    change.underWay--;
    const { typed, underWay, held } = change;
    if (typed === null && !underWay && held) {
      change.held = null;
      draw({ [name]: held });
    }
  }
}

export const shownMessages = () => messages;

function showMessages(shown) {
  messages = shown;
  draw({ chat: { value: messages } });
}

// Texts of messages go on: each without its last `dropped` characters, and with what is added.
function goOn(texts) {
  const shown = [...messages];
  for (const [at, dropped, added] of texts) {
    const [{ text, ...rest }] = shown[at].content;
    shown[at] = { ...shown[at], content: [{ ...rest, text: text.slice(0, text.length - dropped) + added }] };
  }
  showMessages(shown);
}

export function receive({ components, tail, texts, recall_hint, forgets, begins, chat, accepted, words, notices }) {
  if (components) draw(components);
  if (chat) showChat(chat);
  if (tail) showMessages([...messages.slice(0, tail[0]), ...tail[1]]);
  if (texts) goOn(texts);
  if (recall_hint !== undefined) draw({ recall_hint: { value: recall_hint } });
  if (forgets !== undefined) mayMention(forgets);
  if (begins) {
    showEnd();
    outdate();
  }
  if (accepted !== undefined) {
    empty(accepted);
    dropDraft(accepted);
  }
  if (words !== undefined) giveBack(words);
  for (const notice of notices ?? []) notify(notice);
}
