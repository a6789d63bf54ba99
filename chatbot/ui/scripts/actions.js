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

document.addEventListener("click", (event) => {
  const button = event.target.closest(`button.${token()}`);
  if (!button || button.disabled) return;
  const words = wordsOf(button);
  if (words[0] === "rename") rename(button.parentElement, words[1]);
  else tell(words);
});
