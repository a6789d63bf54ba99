// What can be seen of answers, in the browser: functions for tests/support/answer_inputs.py, which tells what is in an input.
const squeezed = (text) => text.replace(/[\s\u200b]+/g, "");
const isSeen = (element) =>
  element.getClientRects().length > 0 && element.checkVisibility({ visibilityProperty: true });

// The words of an element; of a formula its source, of a diagram and of a task's box none.
function read(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
  if (node.nodeType !== Node.ELEMENT_NODE || !isSeen(node)) return "";
  if (node.matches(".katex")) return `⟦${node.querySelector("annotation").textContent}⟧`;
  if (node.matches("svg, .copy_code_button, .task")) return "";
  return [...node.childNodes].map(read).join("");
}

const SCROLLERS = "pre, table, .katex-display, .katex.wide, .diagram, .katex-mathml, svg";
const drawnBefore = (element) => getComputedStyle(element, "::before").content.replaceAll('"', "");
const isPale = (element) => /, 0\)$|^transparent/.test(getComputedStyle(element).backgroundColor);

function wordsBox(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range.getBoundingClientRect();
}

function* overflows(answer) {
  const log = document.querySelector('#chat [role="log"]').getBoundingClientRect();
  for (const element of answer.querySelectorAll("*")) {
    const { left, right, width } = element.getBoundingClientRect();
    const scroller = element.parentElement.closest(SCROLLERS);
    if (!width || !isSeen(element) || element.matches(".katex-mathml") || (scroller && answer.contains(scroller))) continue;
    const name = `${element.tagName}.${element.className.baseVal ?? element.className}`;
    if (left < log.left - 1 || right > log.right + 1) yield `${name} leaves the chat`;
    const isClipped = ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
    if (isClipped && element.scrollWidth > element.clientWidth + 1) yield `${name} is cut`;
  }
}

function* wrongIn(answer, input, isPhone) {
  const all = (selector) => [...answer.querySelectorAll(selector)];
  const seen = (selector) => all(selector).filter(isSeen);
  const words = squeezed(read(answer));
  for (const each of input.see ?? []) if (!words.includes(squeezed(each))) yield `cannot read ${each} in ${words}`;
  for (const each of input.not ?? []) if (words.includes(squeezed(each))) yield `can read ${each} in ${words}`;
  for (const [selector, count] of Object.entries(input.find ?? {})) {
    if (seen(selector).length !== count) yield `sees ${seen(selector).length} of ${selector}, not ${count}`;
  }
  yield* overflows(answer);
  for (const frame of seen(".code_wrap")) {
    const button = frame.querySelector("button").getBoundingClientRect();
    if (button.bottom > wordsBox(frame.querySelector("code")).top) yield "the button covers code";
    if (button.width < 24 || button.height < 24) yield "the button is too small for a finger";
  }
  const languages = seen(".code_wrap").map(drawnBefore);
  if (input.language && String(languages) !== String(input.language)) yield `is written in ${languages}`;
  if (input.scrolls && isPhone) {
    const wide = all(input.scrolls).filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 8);
    const ways = wide.map((each) => getComputedStyle(each).overflowX);
    if (!ways.length || !ways.every((way) => ["auto", "scroll"].includes(way))) yield `scrolls not: ${ways}`;
    if (wide.some((each) => each.tabIndex !== 0)) yield "cannot be scrolled by keyboard";
  }
  for (const [selector, property, value] of input.styles ?? []) {
    const [element] = all(selector);
    const is = element && getComputedStyle(element).getPropertyValue(property);
    const wanted = value === "same" ? getComputedStyle(answer).getPropertyValue(property) : value;
    if (is !== wanted) yield `${selector} has the ${property} ${is}, not ${wanted}`;
  }
  for (const selector of input.coloured ?? []) if (seen(selector).some(isPale)) yield `${selector} has no colour`;
  for (const selector of input.right ?? []) {
    const [outer, inner] = [all(selector)[0].getBoundingClientRect(), wordsBox(all(selector)[0])];
    const gap = outer.right - inner.right;
    if (gap > 30 || inner.left - outer.left < gap) yield `${selector} begins at the left`;
  }
  const boxes = seen(".task").map(drawnBefore);
  if (input.boxes && String(boxes) !== String(input.boxes)) yield `has the boxes ${boxes}`;
  const drawn = squeezed(all(".mermaid > svg").map((svg) => svg.textContent).join(""));
  for (const each of input.drawn ?? []) if (!drawn.includes(squeezed(each))) yield `does not draw ${each}`;
}
