// The chat follows a growing answer until its reader scrolls up; from then on what they read stays where it is, whatever
// is drawn above or below it, until they are at the end again. Whoever scrolls, but for this script, is the reader.
import { token, wordsOf } from "./actions.js";
import { talk } from "./panels.js";
import { t } from "./texts.js";

export const log = document.querySelector('#chat [role="log"]');
const toEnd = document.createElement("button");

let following = true;
let reading = null; // what stays where it is, while nothing is followed
let placed = 0; // where this script last left the log
let undone = { top: 0, at: -Infinity }; // what a drawing seemed to have moved, and when
let acted = -Infinity; // when the reader last scrolled
let aim = { end: 0, at: -Infinity }; // where the end was when they last turned the wheel, and when that was

const NEAR = 48; // pixels: an answer grows on while its reader comes to the end
const LATELY = 1000; // milliseconds, in which a scrolling that has begun goes on
const AGO = 150; // milliseconds
const end = () => log.scrollHeight - log.clientHeight;
const gap = () => end() - log.scrollTop;
const topOf = (element) => element.getBoundingClientRect().top - log.getBoundingClientRect().top;

// --- What is read: a row of a turn, and a part of it. Not by the element alone, which another drawing fills with
// something else: "Show earlier" moves all messages on, and each word draws an answer anew.

export const turnsAbove = () => Number(log.querySelector(`button.${token()}.earlier`)?.textContent.replace(/\D/g, "") ?? 0);

export function rows() {
  let turn = turnsAbove() - 1;
  return [...log.querySelectorAll(".message-row")].map((row) => {
    const isQuestion = row.matches(".user-row");
    turn += isQuestion;
    return { row, key: `${turn} ${isQuestion}`, turn };
  });
}

const WHOLE = "p, pre, tr, h1, h2, h3, h4, h5, h6, svg, img, textarea"; // not looked into
const isSeen = (element) => {
  const { height, bottom } = element.getBoundingClientRect();
  return height > 0 && bottom > log.getBoundingClientRect().top + 1;
};

function whatIsRead() {
  // Lines above the first question belong to no turn.
  const first = rows().find(({ row, turn }) => turn >= turnsAbove() && isSeen(row));
  if (!first) return null;
  const path = [];
  let part = first.row;
  while (topOf(part) < 0 && !part.matches(WHOLE)) {
    const at = [...part.children].findIndex(isSeen);
    if (at < 0) break;
    path.push(at);
    part = part.children[at];
  }
  return { key: first.key, path, rowTop: topOf(first.row), partTop: topOf(part) };
}

// How far what is read has moved.
function drift({ key, path, rowTop, partTop }) {
  const row = rows().find((each) => each.key === key)?.row;
  if (!row) return 0;
  const part = path.reduce((element, at) => element?.children[at], row);
  return part ? topOf(part) - partTop : topOf(row) - rowTop;
}

// --- Scrolling

// A drawing that is shorter for a moment moves the log up, too: by its end, or back from where it was.
function isByReader(moved, isDrawn) {
  if (moved > 0) return true;
  if (gap() <= 1) return false;
  return !isDrawn || (!following && performance.now() - acted < LATELY);
}

// Where the end was is good enough: it went on while they were on their way.
function isAtEnd() {
  const lately = performance.now() - aim.at < LATELY;
  return log.scrollTop > (lately ? Math.min(aim.end, end()) : end()) - NEAR;
}

function notice(isDrawn) {
  const moved = log.scrollTop - placed;
  if (Math.abs(moved) < 1) return;
  if (!isByReader(moved, isDrawn)) {
    undone = { top: log.scrollTop, at: performance.now() };
    return;
  }
  acted = performance.now();
  if (moved > 0 && isAtEnd()) follow();
  else stay();
}

function place(isDrawn = false) {
  notice(isDrawn);
  const by = following ? gap() : reading ? drift(reading) : 0;
  if (Math.abs(by) >= 1) log.scrollTop += by;
  placed = log.scrollTop;
  toEnd.parentElement.hidden = following || gap() <= 1;
}

function follow() {
  following = true;
  reading = null;
}

function stay() {
  following = false;
  reading = whatIsRead();
}

export function showEnd() {
  follow();
  place();
}

// An element is shown as a whole, and stays in view.
export function reveal(element) {
  element.scrollIntoView({ block: "nearest" });
  stay();
  place();
}

// A turn of the wheel may be spent within the log, on a part that scrolls by itself.
function isSpent(element) {
  if (element === log) return false;
  return element.scrollTop > 0 || isSpent(element.parentElement);
}

// The browser scrolls smoothly, and so by nothing at first: what is followed meanwhile would put an end to it.
function act(target, isUp) {
  if (isSpent(target)) return;
  acted = performance.now();
  aim = { end: end(), at: acted };
  if (!isUp || !following || log.scrollTop <= 0) return;
  // The log may have been scrolled a moment before its script is told why.
  if (acted - undone.at < AGO) log.scrollTop = undone.top;
  stay();
}

const UP = ["ArrowUp", "PageUp", "Home"];
let finger = 0;
log.addEventListener("touchstart", ({ touches }) => (finger = touches[0].clientY), { passive: true });
log.addEventListener(
  "touchmove",
  ({ touches, target }) => {
    act(target, touches[0].clientY > finger);
    finger = touches[0].clientY;
  },
  { passive: true },
);
log.addEventListener("wheel", ({ target, deltaY, ctrlKey }) => ctrlKey || act(target, deltaY < 0), { passive: true });
log.addEventListener("keydown", ({ target, key, shiftKey }) => {
  if (!target.matches("textarea, input")) act(target, UP.includes(key) || (key === " " && shiftKey));
});
log.addEventListener("scroll", () => place());
log.tabIndex = 0;
log.setAttribute("aria-label", t("log"));

// Whatever is drawn, and whatever changes a size later: pictures, formulas, fonts, the box below, the window.
new MutationObserver((changes) => {
  // Gradio draws a button of its own beside the log whenever somebody scrolls.
  if (changes.some(({ target }) => target !== log.parentElement)) place(true);
}).observe(talk, { childList: true, characterData: true, attributeFilter: ["style", "class"], subtree: true });
const sizes = new ResizeObserver(() => place());
function watchSizes() {
  for (const part of [log, ...log.children]) sizes.observe(part);
}
new MutationObserver(watchSizes).observe(log, { childList: true });
watchSizes();

// --- To the end: with the button, with an answer that begins, and with another conversation

toEnd.type = "button";
toEnd.innerHTML = '<i class="glyph down"></i>';
toEnd.title = t("to_end");
toEnd.setAttribute("aria-label", t("to_end"));
// Whoever is writing goes on writing.
toEnd.addEventListener("pointerdown", (event) => event.preventDefault());
toEnd.addEventListener("click", () => {
  if (document.activeElement === toEnd) log.focus({ preventScroll: true }); // the button is about to go
  showEnd();
});
const line = Object.assign(document.createElement("div"), { id: "to-end", hidden: true });
line.append(toEnd);
document.querySelector("#chat").after(line);

let opened = null;
new MutationObserver(() => {
  const open = document.querySelector("#conversations button.open[aria-current]");
  const now = open && wordsOf(open)[1];
  if (now !== opened) showEnd();
  opened = now;
}).observe(document.querySelector("#conversations"), { childList: true, attributes: true, subtree: true });
