// An answer is copied as the model's words, byte for byte: they come beside what is shown of it (source_text.js).
import { instead, token } from "./actions.js";
import { shownMessages } from "./drawing.js";
import { wordsIn } from "./source_text.js";
import { t } from "./texts.js";

const TOLD = 2000; // milliseconds

// What stands last above the row of the turn's buttons, and below its question.
export function wordsOfAnswer(index) {
  const row = new RegExp(`class="${token()} copy ${index}"`);
  let words = "";
  for (const { role, content } of shownMessages()) {
    const [{ text }] = content;
    if (role === "user") words = "";
    else if (row.test(text)) return words;
    else words = wordsIn(text) ?? words;
  }
  return words;
}

async function toClipboard(words) {
  try {
    return await navigator.clipboard.writeText(words);
  } catch {
    // Not there where the page is not served securely, and refused to some frames.
  }
  // The event that this brings about is told the words (source_text.js).
  const field = Object.assign(document.createElement("textarea"), { value: words });
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

instead.set("copy", async (button, index) => {
  await toClipboard(wordsOfAnswer(index));
  const [sign, said] = [button.querySelector(".glyph"), button.querySelector(".said")];
  const words = said.textContent;
  if (sign.classList.contains("check")) return;
  sign.classList.replace("copy", "check");
  button.title = said.textContent = t("copied");
  setTimeout(() => {
    sign.classList.replace("check", "copy");
    button.title = said.textContent = words;
  }, TOLD);
});

// On a narrow page the row has room for little: the rest is shown when it is asked for.
instead.set("details", (button) => {
  const isOpen = button.closest(".facts").classList.toggle("open");
  button.setAttribute("aria-expanded", String(isOpen));
});
