// In a frame: Escape that does nothing here is for whoever shows the frame, as the launcher does.
import { talk } from "./panels.js";

if (window.parent !== window) {
  let isOurs = false;
  // Before anybody here acts on it, and after.
  window.addEventListener(
    "keydown",
    ({ target }) => {
      isOurs = talk.inert || document.querySelector("#box .stop-button, dialog[open]") || target.ariaExpanded === "true";
    },
    true,
  );
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented || isOurs) return;
    // Whoever it is: it says nothing but that the key was pressed.
    window.parent.postMessage("chatbot:escape", "*");
  });
}
