// What comes with the page's stream is drawn by Gradio's own components, through an event without a function: it is given
// an update for each of OUTPUTS, and leaves those alone that have none.
import { showEnd } from "./following.js";
import { notify } from "./notices.js";
import { mayMention } from "./recall_hint.js";
import { empty, giveBack } from "./source_text.js";

let messages = [];
let updates = {};

window.chatbotDrawn = () => {
  const taken = OUTPUTS.map((name) => updates[name]);
  updates = {};
  return taken;
};

export function draw(components) {
  for (const [name, properties] of Object.entries(components)) {
    updates[name] = { __type__: "update", ...updates[name], ...properties };
  }
  window.chatbotDraw();
}

function showMessages(shown) {
  messages = shown;
  draw({ chat: { value: messages } });
}

// The last message's text goes on: without its last `dropped` characters, and with what is added.
function goOn([dropped, added]) {
  const last = messages.at(-1);
  const [{ text, ...rest }] = last.content;
  const content = [{ ...rest, text: text.slice(0, text.length - dropped) + added }];
  showMessages([...messages.slice(0, -1), { ...last, content }]);
}

export function receive({ components, tail, text, recall_hint, forgets, begins, taken, words, notices }) {
  if (components) draw(components);
  if (tail) showMessages([...messages.slice(0, tail[0]), ...tail[1]]);
  if (text) goOn(text);
  if (recall_hint !== undefined) draw({ recall_hint: { value: recall_hint } });
  if (forgets !== undefined) mayMention(forgets);
  if (begins) showEnd();
  if (taken !== undefined) empty(taken);
  if (words !== undefined) giveBack(words);
  for (const notice of notices ?? []) notify(notice);
}
