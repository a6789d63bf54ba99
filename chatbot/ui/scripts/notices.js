// What the page has to say about what was done: above the box, until it is closed or has been read.
import { talk } from "./panels.js";
import { t } from "./texts.js";

const READ = 8000;
const notices = Object.assign(document.createElement("div"), { id: "notices" });
notices.setAttribute("role", "status");
talk.append(notices);

export function notify({ text, lasting }) {
  const notice = Object.assign(document.createElement("div"), { className: "notice" });
  const words = Object.assign(document.createElement("span"), { textContent: text });
  const close = Object.assign(document.createElement("button"), { type: "button" });
  close.innerHTML = '<i class="glyph cross"></i>';
  close.setAttribute("aria-label", t("close"));
  close.addEventListener("click", () => notice.remove());
  notice.append(words, close);
  notices.replaceChildren(...[...notices.children].slice(-1), notice);
  if (!lasting) setTimeout(() => notice.remove(), READ);
}
