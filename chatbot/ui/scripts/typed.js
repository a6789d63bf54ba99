// A question is shown as it was typed, which takes HTML around it (present/bubbles.py); copied and edited are its words alone.
const typed = () => new RegExp(`<pre class="${token()} typed">\\n([^]*?)</pre>`, "g");
const ours = () => new RegExp(`\\n?<div class="${token()} .*</div>`, "g");

const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const unescaped = (text) => text.replace(/&(amp|lt|gt);/g, (entity) => entities[entity]);
// What is copied of an answer is the model's words, without the page's lines below them.
const wordsOnly = (text) => text.replace(ours(), "").replace(typed(), (_, words) => unescaped(words));

const clipboard = navigator.clipboard; // absent where the page is not served securely
if (clipboard) {
  const copy = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => copy(wordsOnly(text));
}

// Both as a person would: Gradio takes what a field holds from the event.
const box = () => document.querySelector("#box textarea");
const setValue = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
function write(field, words) {
  setValue.call(field, words);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

new MutationObserver(() => {
  const editor = talk.querySelector("#chat textarea.edit-textarea");
  if (!editor || editor.dataset.words) return;
  editor.dataset.words = "shown";
  write(editor, wordsOnly(editor.value));
  editor.focus({ preventScroll: true });
  reveal(editor);
}).observe(talk, { childList: true, subtree: true });

// The server has taken what was sent: the box is emptied, unless something else was typed into it meanwhile.
function empty(words) {
  if (box().value === words) write(box(), "");
}

// Words that were not sent, or were taken back: into the box, below what somebody is writing there.
function giveBack(words) {
  const draft = box().value;
  if (draft !== words) write(box(), draft ? `${draft}\n${words}` : words);
}
