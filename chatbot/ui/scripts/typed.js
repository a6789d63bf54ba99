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

// The server says what becomes of words: those that were sent are taken out of the box, unless something else was typed
// there meanwhile; those that could not be sent, or were taken back, are given back, below what somebody is writing.
// Gradio, which reads a field before it changes anything about it and writes it back a moment later, may undo that;
// hence again.
const TRIES = 40;
const taken = document.querySelector("#taken");
let told = "";
let changing = 0;

function change(from, to) {
  clearInterval(changing);
  let tries = 0;
  const tryIt = () => {
    if (box().value === from) write(box(), to);
    if (++tries === TRIES) clearInterval(changing);
  };
  changing = setInterval(tryIt, 50);
  tryIt();
}

function give(words) {
  const draft = box().value;
  if (draft !== words) change(draft, draft ? `${draft}\n${words}` : words);
}

// Until somebody does something: the same words, typed again or taken back, are to stay.
for (const sign of ["keydown", "pointerdown", "input"]) {
  document.addEventListener(sign, (event) => event.isTrusted && clearInterval(changing), true);
}

new MutationObserver(() => {
  const words = taken.querySelector("pre");
  if (!words || words.className === told) return;
  told = words.className;
  if (words.matches(".given")) return give(words.textContent);
  if (words.textContent) change(words.textContent, "");
  showEnd();
}).observe(taken, { childList: true, characterData: true, attributes: true, subtree: true });
