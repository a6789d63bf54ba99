// Buttons that are drawn as HTML say what they want in their class: the token, the action, its details.
// The token is read from the list, which no model writes: the process that draws may have changed since the page was loaded.
import { t } from "./texts.js";

export const token = () => document.querySelector("#conversations nav")?.dataset.token ?? "none";

// Asks the server for an action, by its name and what it takes (connection.js).
export const tell = ([action, ...details]) => window.chatbotActions.then((perform) => perform(action, details));

export function wordsOf(button) {
  // Not from classList, which has each word once: turn 0, version 0 would be one.
  const words = button.className.split(/\s+/);
  return words.slice(words.indexOf(token()) + 1);
}

// A line is typed where something stands: Enter keeps it, Escape or leaving does not.
function typeInstead(element, { value, label, longest, kept }) {
  const input = document.createElement("input");
  input.value = value;
  input.maxLength = longest;
  input.dir = "auto";
  input.setAttribute("aria-label", label);
  input.placeholder = label;
  const close = () => {
    if (input.dataset.closed || !input.isConnected) return;
    input.dataset.closed = "closed";
    input.replaceWith(element);
  };
  element.replaceWith(input);
  input.focus();
  input.select();
  // Whether it was left, or taken away with the list around it, is known a moment later.
  input.addEventListener("blur", () => queueMicrotask(close));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation(); // Escape would close a drawer as well, or stop an answer
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault(); // the key would press what is focused next
    const words = input.value.trim();
    close();
    element.focus();
    if (event.key === "Enter") kept(words);
  });
  return input;
}

let renaming = null; // the chat whose title is being typed, and where

function rename(id, typed) {
  const title = [...document.querySelectorAll(`button.${token()}.open`)].find((each) => wordsOf(each)[1] === id);
  if (!title) return;
  const kept = (words) => {
    if (!words) return;
    title.textContent = words;
    tell(["rename", id, words]);
  };
  const input = typeInstead(title, { value: typed ?? title.textContent, label: t("title"), longest: 60, kept });
  renaming = { id, input };
}

// The list was drawn anew while a title was being typed in it: typing goes on. Returns whether it does.
export function resumeRename() {
  if (!renaming || renaming.input.isConnected || renaming.input.dataset.closed) return false;
  rename(renaming.id, renaming.input.value);
  return renaming.input.isConnected;
}

function comment(button, index) {
  const known = button.textContent.match(/^“([^]*)”$/)?.[1] ?? "";
  const kept = (words) => tell(["comment", index, words]);
  typeInstead(button, { value: known, label: t("comment"), longest: 1000, kept });
}

// What a button does here instead of asking the server at once: given the button, and the details of its action.
export const instead = new Map([
  ["rename", (_, id) => rename(id)],
  ["comment", comment],
]);

document.addEventListener("click", (event) => {
  const example = event.target.closest("#chat .examples button");
  if (example) tell(["example", [...document.querySelectorAll("#chat .examples button")].indexOf(example)]);
  const button = event.target.closest(`button.${token()}`);
  if (!button || button.disabled) return;
  const words = wordsOf(button);
  const [action, ...details] = words;
  if (instead.has(action)) instead.get(action)(button, ...details);
  else tell(words);
});
