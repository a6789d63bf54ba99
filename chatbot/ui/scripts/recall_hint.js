// What is typed may mention turns that the model is no longer sent: asked when the typing pauses, and only where there are such.
import { draw } from "./drawing.js";
import { box } from "./source_text.js";
import { root } from "./texts.js";

let mentionable = false;
let asking = 0;
let asked = new AbortController();
const PAUSED = 300;

export function mayMention(whether) {
  mentionable = whether;
}

const couldMention = (text) => mentionable && /[\p{L}\p{N}]{3}|[\p{Script=Han}\p{Script=Hangul}]/u.test(text);

async function hint() {
  const ask = ++asking;
  // One at a time: a browser has few connections to a server, and what is asked now is about newer words.
  asked.abort();
  asked = new AbortController();
  const text = box().value;
  if (!couldMention(text)) return;
  try {
    const reply = await fetch(`${root}/chat/mention`, { method: "POST", body: text, signal: asked.signal });
    const found = await reply.text();
    // There may be more by now, which has its own answer, or it may have been sent.
    if (reply.ok && ask === asking && box().value === text) draw({ recall_hint: { value: found } });
  } catch {
    // It is only a hint; what is wrong with the connection is told elsewhere.
  }
}

document.addEventListener("input", ({ target }) => {
  if (target !== box()) return;
  clearTimeout(hint.timer);
  asking++;
  if (!couldMention(target.value)) draw({ recall_hint: { value: "" } });
  else hint.timer = setTimeout(hint, PAUSED);
});
