// A question is shown as it was typed, which takes HTML around it (views/messages.py); copied and edited are its words
// alone. An answer is shown as HTML made of the model's words, which stand beside it in a comment.
import { tell, token } from "./actions.js";
import { reveal, rows } from "./following.js";
import { talk } from "./panels.js";

const typed = () => new RegExp(`<pre class="${token()} typed">\\n([^]*?)</pre>`, "g");
const ours = () => new RegExp(`\\n?<div class="${token()} .*</div>`, "g");
const said = () => new RegExp(`<!--${token()} ([^]*?)-->`, "g");

const entities = { amp: "&", lt: "<", gt: ">" };
const unescaped = (text) =>
  text.replace(/&(?:#(\d+)|(amp|lt|gt));/g, (_, code, name) => (code ? String.fromCharCode(code) : entities[name]));

// What is copied of an answer is the model's words, without its thoughts above them and the page's lines around them.
function wordsOnly(text) {
  const answer = [...text.matchAll(said())].pop();
  if (answer?.[1] === "growing") return new DOMParser().parseFromString(text, "text/html").body.textContent.trim();
  if (answer) return unescaped(answer[1]);
  return text.replace(ours(), "").replace(typed(), (_, words) => unescaped(words));
}

const clipboard = navigator.clipboard;
if (clipboard) {
  const copy = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => copy(wordsOnly(text));
} else {
  // Where the page is not served securely there is none: Gradio selects the text in a field of its own and copies that.
  document.addEventListener("copy", (event) => {
    const field = event.target;
    if (!field.matches?.("body > textarea")) return;
    event.clipboardData.setData("text/plain", wordsOnly(field.value));
    event.preventDefault();
  });
}

// Both as a person would: Gradio takes what a field holds from the event.
export const box = () => document.querySelector("#box textarea");
const setValue = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
export function write(field, words) {
  setValue.call(field, words);
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

// The server has taken what was sent: the box is emptied, unless something else was typed into it meanwhile.
export function empty(words) {
  if (box().value === words) write(box(), "");
}

// Words that were not sent, or were taken back: into the box, below what somebody is writing there.
export function giveBack(words) {
  const draft = box().value;
  if (draft !== words) write(box(), draft ? `${draft}\n${words}` : words);
}
