// How a question is asked a second time, as long as the form for that is open (views/compare_form.py): it goes with what
// the box sends. Should the form be drawn anew, it is as open as it was, and has what somebody put into it.
import { talk } from "./panels.js";
import { box } from "./source_text.js";

const compareForm = () => document.querySelector("#compare details.compare");
const compareFields = () => [...compareForm().querySelectorAll("[name]")];
const filledIn = new Map(); // by the name of the field
let wasOpen = false;

function chosenIn({ type, checked, value }) {
  if (type === "checkbox") return checked;
  if (value === "") return null;
  return type === "number" ? Number(value) : value;
}

// What to tell the server of it; nothing where the question is asked once.
export function beside() {
  return compareForm()?.open ? Object.fromEntries(compareFields().map((field) => [field.name, chosenIn(field)])) : null;
}

function fillIn() {
  if (!compareForm() || compareForm().dataset.filled) return;
  compareForm().dataset.filled = "yes";
  compareForm().open = wasOpen;
  for (const field of compareFields()) {
    if (!filledIn.has(field.name)) continue;
    const { value, checked } = filledIn.get(field.name);
    if (field.type === "checkbox") field.checked = checked;
    // A deployment may not be there any more.
    else if (field.tagName !== "SELECT" || [...field.options].some((each) => each.value === value)) field.value = value;
  }
}

document.addEventListener("input", ({ target }) => {
  if (target.closest("#compare")) filledIn.set(target.name, { value: target.value, checked: target.checked });
});
// The button is about to go, and with it the place of whoever pressed it by keyboard.
document.addEventListener("click", ({ target, detail }) => {
  if (!detail && target.closest("#chat .keep button")) box().focus();
});
// It does not bubble.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target === compareForm()) wasOpen = target.open;
  },
  true,
);
new MutationObserver(fillIn).observe(talk, { childList: true, subtree: true });
fillIn();
