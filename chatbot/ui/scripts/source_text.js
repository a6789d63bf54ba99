// A question is shown as it was typed, which takes HTML around it (views/messages.py); copied and edited are its words
// alone. An answer is shown as HTML made of the model's words, which stand beside it in a comment.
import { tell, token } from "./actions.js";
import { reveal, rows } from "./following.js";
import { talk } from "./panels.js";

const typed = () => new RegExp(`<pre class="${token()} typed">\\n([^]*?)</pre>`, "g");
const ours = () => new RegExp(`\\n?<div class="${token()} .*</div>`, "g");
const headPattern = () => new RegExp(`<div class="${token()} card-head .*</div>`);
const sourcePattern = () => new RegExp(`<!--${token()} ([^]*?)-->`, "g");

const entities = { amp: "&", lt: "<", gt: ">" };
const unescaped = (text) =>
  text.replace(/&(?:#(\d+)|(amp|lt|gt));/g, (_, code, name) => (code ? String.fromCharCode(code) : entities[name]));

// The model's words that come beside what is shown of them; null where there are none.
export function wordsIn(text) {
  const found = [...text.matchAll(sourcePattern())].pop();
  return found ? unescaped(found[1]) : null;
}

// What is copied of an answer is the model's words, without its thoughts above them and the page's lines around them; of
// several answers to one question, those of each.
function wordsOnly(text) {
  const [, ...answers] = text.split(headPattern());
  if (answers.length) return answers.map(wordsOnly).filter(Boolean).join("\n\n");
  const answer = [...text.matchAll(sourcePattern())].pop();
  if (answer?.[1] === "growing") return new DOMParser().parseFromString(text, "text/html").body.textContent.trim();
  if (answer) return unescaped(answer[1]);
  return text.replace(ours(), "").replace(typed(), (_, words) => unescaped(words));
}

// Gradio trims code that is copied, and with it the indent of its first line. It copies while a click is handled.
let code = null;
document.addEventListener(
  "click",
  ({ target }) => {
    const frame = target.closest(".copy_code_button")?.closest(".code_wrap");
    code = frame?.querySelector("code").textContent.replace(/\n$/, "") ?? null;
  },
  true,
);
const toCopy = (text) => code ?? wordsOnly(text);

const clipboard = navigator.clipboard;
if (clipboard) {
  const copy = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => copy(toCopy(text));
}
// Where the page is not served securely there is none: the text is selected in a field of its own, by Gradio too, and that
// is copied.
document.addEventListener("copy", (event) => {
  const field = event.target;
  if (!field.matches?.("body > textarea")) return;
  event.clipboardData.setData("text/plain", toCopy(field.value));
  event.preventDefault();
});

// Both as a person would: Gradio takes what a field holds from the event.
export const box = () => document.querySelector("#box textarea");
export function write(field, words) {
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, words);
  field.dispatchEvent(new Event("input", { renderer: true }));
}

// The editor that was opened last, and the turn whose question it changes.
let editing = null;

new MutationObserver(() => {
  const editor = talk.querySelector("#chat textarea.edit-textarea");
  if (!editor || editor.dataset.words) return;
  editor.dataset.words = "shown";
  editing = { editor, turn: rows().find(({ row }) => row.contains(editor)).turn };
  write(editor, wordsOnly(editor.value));
  editor.focus({ preventScroll: true });
  reveal(editor);
}).observe(talk, { childList: true, subtree: true });

// Gradio has taken the editor away by now, with the words in it, and tells of neither.
export const submitEdit = () => tell(["edit", editing.turn, editing.editor.value]);

// The server has accepted what was sent: the box is emptied, unless something else was typed into it meanwhile.
export function empty(words) {
  if (box().value === words) write(box(), "");
}

// Words that were not sent, or were taken back: into the box, below what somebody is writing there.
export function giveBack(words) {
  const draft = box().value;
  if (draft !== words) write(box(), draft ? `${draft}\n${words}` : words);
}
