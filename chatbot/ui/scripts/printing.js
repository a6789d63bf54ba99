// A conversation on paper is all of it: what stands above what is shown is fetched first (print.css does the rest).
import { tell } from "./actions.js";
import { log, turnsAbove } from "./following.js";
import { shortcut } from "./shortcuts.js";

const MOST_STEPS = 100;
const STEP = 20000; // milliseconds
const DRAWN = 10; // frames, in which Gradio draws what is within the rows

const shownTurns = () => log.querySelectorAll(".user-row").length;
const nextFrame = () => new Promise(requestAnimationFrame);

async function drawnWithin() {
  for (let frame = 0; frame < DRAWN; frame++) await nextFrame();
}

async function showAllTurns() {
  await drawnWithin();
  const total = turnsAbove() + shownTurns();
  for (let step = 0; step < MOST_STEPS && turnsAbove(); step++) {
    const [before, end] = [turnsAbove(), performance.now() + STEP];
    const isDrawn = () => turnsAbove() < before && turnsAbove() + shownTurns() === total;
    tell(["earlier"]);
    while (!isDrawn() && performance.now() < end) await nextFrame();
    if (!isDrawn()) return;
  }
  await drawnWithin();
}

export async function printAll() {
  await showAllTurns();
  window.print();
}

shortcut({ keys: "Mod+P", what: "key_print", act: printAll });
