// For the keyboard alone: Escape stops an answer, ↑ in an empty box edits the last question, Enter sends what was edited.
import { talk } from "./panels.js";
import { shortcut } from "./shortcuts.js";
import { box } from "./source_text.js";
import { t } from "./texts.js";

const stopButton = () => document.querySelector("#box .stop-button");
// Gradio's buttons are labelled in the visitor's language, so they are found by their place.
const buttonsOf = (row) => [...(row?.nextElementSibling?.querySelectorAll(".icon-button") ?? [])];

const isEditor = ({ target }) => target.matches("textarea.edit-textarea");

// Gradio's editor has two buttons: what is done with the keyboard ends where one goes on writing.
function endEditing(target, number) {
  buttonsOf(target.closest(".message-row"))[number].click();
  box().focus();
}

const editLast = () => buttonsOf([...document.querySelectorAll("#chat .user-row")].pop())[1];
const mayEdit = ({ target }) => target === box() && !target.value && !stopButton() && Boolean(editLast());

shortcut({ keys: "Enter", what: "key_send", act: ({ target }) => endEditing(target, 0), when: isEditor });
shortcut({ keys: "ArrowUp", what: "key_edit", act: () => editLast().click(), when: mayEdit });
shortcut({ keys: "Escape", what: "key_stop", act: ({ target }) => endEditing(target, 1), when: isEditor });
const mayStop = () => !talk.inert && Boolean(stopButton());
shortcut({ keys: "Escape", what: "key_stop", act: () => stopButton().click(), when: mayStop });
shortcut({ keys: "/", what: "key_box", act: () => box().focus() });

// Gradio gives the two buttons of the box no name; its own would have theirs in it, for they stand in its label.
function nameButtons() {
  const field = box();
  const label = field?.closest("label")?.querySelector("span");
  if (label && !field.ariaLabel) field.setAttribute("aria-label", label.textContent.trim());
  for (const [kind, name] of [["submit", "send"], ["stop", "stop"]]) {
    const button = document.querySelector(`#box .${kind}-button:not([aria-label])`);
    button?.setAttribute("aria-label", t(name));
    button?.setAttribute("title", t(name));
  }
}

// What scrolls by itself can be reached, and so scrolled, by keyboard.
function reachScrollers() {
  for (const part of document.querySelectorAll("#chat .message pre, #chat .message table, #chat .katex-display, #chat .katex.wide")) {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
  }
}

// A column is not made narrower than its text would like to be, up to a measure (style.css): a table that is then wider
// than the chat scrolls. CSS alone knows the longest word only, and makes of a sentence a column of single words.
function widenColumns() {
  const tables = [...document.querySelectorAll("#chat .message table:not([data-columns])")];
  const cellsOf = (table) => [...(table.rows[0]?.cells ?? [])];
  for (const table of tables) {
    table.dataset.columns = "";
    table.classList.add("measured");
  }
  // All at once: whatever is changed between two measurements lays the whole chat out again.
  const widths = tables.map((table) => cellsOf(table).map((cell) => cell.getBoundingClientRect().width));
  tables.forEach((table, at) => {
    table.classList.remove("measured");
    cellsOf(table).forEach((cell, column) => (cell.style.minWidth = `${Math.ceil(widths[at][column])}px`));
  });
}

// For those who listen: a question is a group, and all that is said to it is one. Gradio names each message by its
// source, which is HTML, in English.
const nameOfRow = (row) => {
  if (row.matches(".user-row")) return t("your_message");
  return row.querySelector(".message .message:first-child :is(.earlier, .undone)") ? "" : t("answer"); // the page's own words
};

function nameMessages() {
  for (const message of document.querySelectorAll("#chat [data-testid][aria-label]")) message.removeAttribute("aria-label");
  for (const row of document.querySelectorAll("#chat .message-row")) {
    const name = nameOfRow(row);
    if (row.ariaLabel === name) continue;
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", name);
  }
}

// Gradio's log announces every change politely, and a growing answer is all change. While it grows the log is busy, so
// it is read once, when it is whole.
new MutationObserver(() => {
  nameButtons();
  widenColumns();
  nameMessages();
  document.querySelector("#chat .examples[role=list]")?.setAttribute("role", "group"); // of buttons, not of items
  const busy = String(Boolean(stopButton()));
  if (busy === "false") reachScrollers();
  const log = document.querySelector('#chat [role="log"]');
  if (log && log.getAttribute("aria-busy") !== busy) log.setAttribute("aria-busy", busy);
}).observe(talk, { childList: true, subtree: true });
