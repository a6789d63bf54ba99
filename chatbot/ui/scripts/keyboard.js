// For the keyboard alone: Escape stops an answer, ↑ in an empty box edits the last question, Enter sends what was edited.
import { talk } from "./panels.js";
import { box } from "./source_text.js";
import { t } from "./texts.js";

const stopButton = () => document.querySelector("#box .stop-button");
// Gradio's buttons are labelled in the visitor's language, so they are found by their place.
const buttonsOf = (row) => [...(row?.nextElementSibling?.querySelectorAll(".icon-button") ?? [])];

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented) return;
  if (event.target.matches("textarea.edit-textarea")) {
    const [submit, cancel] = buttonsOf(event.target.closest(".message-row"));
    if (event.key !== "Escape" && (event.key !== "Enter" || event.shiftKey)) return;
    event.preventDefault();
    (event.key === "Escape" ? cancel : submit).click();
    box().focus();
  } else if (event.key === "Escape" && !talk.inert) {
    stopButton()?.click();
  } else if (event.key === "ArrowUp" && event.target === box() && !event.target.value && !stopButton()) {
    const [, edit] = buttonsOf([...document.querySelectorAll("#chat .user-row")].pop());
    if (!edit) return;
    event.preventDefault();
    edit.click();
  }
});

// Gradio gives the two buttons of the box no name.
function nameButtons() {
  for (const [kind, name] of [["submit", "send"], ["stop", "stop"]]) {
    const button = document.querySelector(`#box .${kind}-button:not([aria-label])`);
    button?.setAttribute("aria-label", t(name));
    button?.setAttribute("title", t(name));
  }
}

// What scrolls by itself can be reached, and so scrolled, by keyboard.
function reachScrollers() {
  for (const part of document.querySelectorAll("#chat .message pre, #chat .message table")) {
    if (part.scrollWidth > part.clientWidth) part.tabIndex = 0;
  }
}

// A column is not made narrower than its text would like to be, up to a measure (style.css): a table that is then wider
// than the chat scrolls. CSS alone knows the longest word only, and makes of a sentence a column of single words.
function widenColumns() {
  for (const table of document.querySelectorAll("#chat .message table:not([data-columns])")) {
    table.dataset.columns = "";
    table.classList.add("measured");
    const cells = [...(table.rows[0]?.cells ?? [])];
    const widths = cells.map((cell) => cell.getBoundingClientRect().width);
    table.classList.remove("measured");
    cells.forEach((cell, at) => (cell.style.minWidth = `${Math.ceil(widths[at])}px`));
  }
}

// For those who listen: Gradio's log announces every change politely, and a growing answer is all change. While it
// grows the log is busy, so it is read once, when it is whole.
new MutationObserver(() => {
  nameButtons();
  widenColumns();
  document.querySelector("#chat .examples[role=list]")?.setAttribute("role", "group"); // of buttons, not of items
  const busy = String(Boolean(stopButton()));
  if (busy === "false") reachScrollers();
  const log = document.querySelector('#chat [role="log"]');
  if (log && log.getAttribute("aria-busy") !== busy) log.setAttribute("aria-busy", busy);
}).observe(talk, { childList: true, subtree: true });
