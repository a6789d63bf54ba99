// Runs once, when the relay loads. Gradio gives it `element` and `trigger`.
// Buttons that are drawn as HTML say what they want in their class: the token, the action, its details.
// The token is read from the list, which no model writes: the process that draws may have changed since the page was loaded.
const token = () => document.querySelector("#conversations nav")?.dataset.token ?? "none";

function tell(words) {
  trigger("click", { action: words[0], details: words.slice(1) });
}

function wordsOf(button) {
  // Not from classList, which has each word once: turn 0, version 0 would be one.
  const words = button.className.split(/\s+/);
  return words.slice(words.indexOf(token()) + 1);
}

// A title is edited where it stands: Enter keeps it, Escape or leaving does not.
function rename(row, id) {
  const title = row.querySelector("button.open");
  if (!title) return;
  const input = document.createElement("input");
  input.value = title.textContent;
  input.maxLength = 60;
  input.setAttribute("aria-label", "Title");
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    input.replaceWith(title);
  };
  title.replaceWith(input);
  input.focus();
  input.select();
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.stopPropagation(); // Escape would close the drawer as well
    const kept = event.key === "Enter" ? input.value.trim() : "";
    if (kept) title.textContent = kept;
    close();
    title.focus();
    if (kept) tell(["rename", id, kept]);
  });
}

// The panels beside the chat: each is open or not, and on a narrow screen only one at a time, over the chat.
const narrow = matchMedia("(max-width: 60rem)");
const roomy = matchMedia("(min-width: 80rem)");
const layout = document.querySelector("#layout");
const talk = document.querySelector("#talk");
const panels = { shelf: () => !narrow.matches, panel: () => roomy.matches };

const isOpen = (name) => layout.classList.contains(`${name}-open`);
const toggleOf = (name) => document.querySelector(`#${name}-toggle`);

function show(name, open) {
  layout.classList.toggle(`${name}-open`, open);
  toggleOf(name).setAttribute("aria-expanded", String(open));
  talk.inert = narrow.matches && Object.keys(panels).some(isOpen);
}

function arrange() {
  for (const [name, byDefault] of Object.entries(panels)) show(name, byDefault());
}

function slideIn(name) {
  show(name, true);
  if (narrow.matches) document.querySelector(`#${name} .close`).focus();
}

function slideOut() {
  const name = Object.keys(panels).find(isOpen);
  if (!narrow.matches || !name) return;
  show(name, false);
  toggleOf(name).focus();
}

Object.keys(panels).forEach((name) => toggleOf(name).setAttribute("aria-controls", name));
arrange();
narrow.addEventListener("change", arrange);

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("#header button");
  if (toggle && !event.target.closest("#chat")) {
    const name = toggle.id.replace("-toggle", "");
    isOpen(name) ? show(name, false) : slideIn(name);
    return;
  }
  const button = event.target.closest(`button.${token()}`);
  if (button && !button.disabled) {
    const words = wordsOf(button);
    if (words[0] === "rename") rename(button.parentElement, words[1]);
    else tell(words);
  }
  // The chat is inert below an open panel: a tap on it is one on what holds both.
  const chosen = event.target.closest(`#shelf button.${token()}.open, #new-chat, #layout .close`);
  if (chosen || event.target === layout) slideOut();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") slideOut();
});

// What is copied of an answer is the model's words, without the page's lines below them.
const ours = () => new RegExp(`\\n?<div class="${token()} .*</div>`, "g");
const clipboard = navigator.clipboard; // absent where the page is not served securely
if (clipboard) {
  const write = clipboard.writeText.bind(clipboard);
  clipboard.writeText = (text) => write(text.replace(ours(), ""));
}
