// The presenter's view: large type, nothing that distracts, and keys that a presenter's remote sends. It is reached by the
// address (?present) or by a key; where a rehearsed demo is offered, the keys play it (ui/handlers/demo.py).
import { tell } from "./actions.js";
import { arrange, show } from "./panels.js";
import { shortcut } from "./shortcuts.js";
import { t } from "./texts.js";

// What they do is below; here they are for the help alone, and those of a demo where the owner has one.
const DEMO_KEYS = { PageDown: "key_next", PageUp: "key_back", L: "key_live" };
const KEYS = { "Alt+P": "key_present", B: "key_blank", ".": "key_blank", M: "key_memory" };
for (const [keys, what] of Object.entries(document.querySelector("#demo") ? { ...KEYS, ...DEMO_KEYS } : KEYS)) {
  shortcut({ keys, what });
}

const PRESENT = "present";
const curtain = Object.assign(document.createElement("button"), { id: "curtain", type: "button", hidden: true });
curtain.setAttribute("aria-label", t("key_blank"));
// Not on the page itself: Gradio has the rules of a style sheet begin within its own container.
const stage = document.querySelector("#layout");
const isPresenting = () => stage.classList.contains(PRESENT);
const isDemoOffered = () => document.querySelector("#demo .demo") !== null;

function present(on) {
  stage.classList.toggle(PRESENT, on);
  const address = new URL(location.href);
  if (on) address.searchParams.set(PRESENT, "");
  else address.searchParams.delete(PRESENT);
  history.replaceState(history.state, "", address.href.replace(/present=(?=&|#|$)/, PRESENT));
  curtain.hidden = true;
  arrange();
  if (!on) return;
  show("sidebar", false);
  document.activeElement?.blur(); // a key that is pressed next is no letter of a message
}

function drawCurtain(isDown) {
  curtain.hidden = !isDown;
  if (isDown) curtain.focus();
  else curtain.blur();
}

function performStep(action) {
  // What nobody sees happens to nobody: the first key brings the page back.
  if (!curtain.hidden) return drawCurtain(false);
  document.activeElement?.blur();
  tell([action]);
}

const STEPS = { PageDown: "demo_next", PageUp: "demo_back", l: "demo_live" };

function actionOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // A letter that somebody types is one.
  if (key.length === 1 && event.target.matches?.("input, textarea")) return null;
  if (key === "b" || key === ".") return () => drawCurtain(curtain.hidden);
  if (key === "m") return () => document.querySelector("#panel-toggle")?.click();
  if (key in STEPS && (isDemoOffered() || !curtain.hidden)) return () => performStep(STEPS[key]);
  return null;
}

// Before anybody else hears of it: Page Down would scroll, and a slider that has the focus would move.
window.addEventListener(
  "keydown",
  (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const isSwitch = event.altKey && event.code === "KeyP";
    const act = isSwitch ? () => present(!isPresenting()) : isPresenting() && !event.altKey && actionOf(event);
    if (!act) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) act();
  },
  true,
);
curtain.addEventListener("click", () => drawCurtain(false));
stage.append(curtain);

// Gradio puts the focus into the box as soon as that is there; until somebody does so, keys are for whoever presents.
let isUsed = false;
for (const sign of ["pointerdown", "keydown"]) {
  window.addEventListener(sign, () => (isUsed = true), { capture: true, once: true });
}
document.addEventListener("focusin", ({ target }) => {
  if (isPresenting() && !isUsed) target.blur();
});
if (new URLSearchParams(location.search).has(PRESENT)) present(true);
