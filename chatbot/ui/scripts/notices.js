// What the page has to say about what was done: above the box, until it is closed or has been read.
import { countDownTo, toldTime } from "./countdown.js";
import { talk } from "./panels.js";
import { t } from "./texts.js";

const READ = 8000;
const notices = Object.assign(document.createElement("div"), { id: "notices" });
notices.setAttribute("role", "status");
talk.append(notices);

// Of a chat that a panel lies over nothing is read or heard: they are in the panel meanwhile.
const panelAbove = () => talk.inert && document.querySelector("#layout.sidebar-open #sidebar, #layout.panel-open #panel");
new MutationObserver(() => (panelAbove() || talk).append(notices)).observe(talk, { attributeFilter: ["inert"] });

// What was said about an answer is over once the next one begins.
export function outdate() {
  for (const notice of notices.querySelectorAll(".lasting")) notice.remove();
}

// With `until` (seconds since 1970) it tells when it does not hold any more, and goes a while after that.
export function notify({ text, lasting, until }) {
  const notice = Object.assign(document.createElement("div"), { className: lasting ? "notice lasting" : "notice" });
  const words = Object.assign(document.createElement("span"), { textContent: text });
  const close = Object.assign(document.createElement("button"), { type: "button" });
  close.innerHTML = '<i class="glyph cross"></i>';
  close.setAttribute("aria-label", t("close"));
  close.addEventListener("click", () => notice.remove());
  notice.append(words, close);
  notices.replaceChildren(...[...notices.children].slice(-1), notice);
  // Not while somebody points at it, or is in it.
  const goes = () => setTimeout(() => (notice.matches(":hover, :focus-within") ? goes() : notice.remove()), READ);
  if (until) {
    words.textContent += ` ${t("opens").replace("{time}", toldTime(until))}`;
    const clock = document.createElement("time");
    // Nobody is read the seconds aloud.
    clock.setAttribute("aria-hidden", "true");
    words.after(clock);
    countDownTo(until, clock, () => {
      clock.remove();
      words.textContent = t("open");
      goes();
    });
  } else if (!lasting) goes();
}
