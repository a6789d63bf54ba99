// What the parts of an answer need that Gradio's parser does not give them. A part is drawn anew with each word of a
// growing answer, so all of this is done before the browser paints, and once for each part.
import { talk } from "./panels.js";
import { t } from "./texts.js";

// Gradio colours code with Prism, and of Prism's languages it brings some; the lines of a diff need another. Each is a
// block with its end in it, so that all of it is coloured.
if (window.Prism) {
  window.Prism.languages.diff = {
    coord: /^(?:(?:\+{3}|-{3}|\*{3})(?: .*|$)|@@.*|diff .*|index .*)$/m,
    inserted: /^[+>].*(?:\n|(?![^]))/m,
    deleted: /^[-<].*(?:\n|(?![^]))/m,
  };
}

function nameCode() {
  for (const frame of document.querySelectorAll("#chat .code_wrap:not([data-language])")) {
    frame.dataset.language = frame.querySelector("code").className.match(/\blanguage-(\S+)/)?.[1] ?? "";
    const copy = frame.querySelector(".copy_code_button");
    copy.title = t("copy_code");
    copy.setAttribute("aria-label", t("copy_code"));
  }
}

// A formula breaks between its terms. One whose term is wider than the chat has to scroll, which a line cannot.
function widenFormulas() {
  const formulas = [...document.querySelectorAll("#chat .bot .katex:not([data-measured])")];
  const wide = formulas.filter((formula) => {
    const room = formula.closest("p, li, td, th, summary, h1, h2, h3, h4, h5, h6, .md");
    if (!room || formula.closest(".katex-display, td, th")) return false;
    return formula.getBoundingClientRect().width > room.clientWidth;
  });
  for (const formula of formulas) formula.dataset.measured = "";
  for (const formula of wide) formula.classList.add("wide");
}

function measureAgain() {
  for (const formula of document.querySelectorAll("#chat .katex[data-measured]")) {
    delete formula.dataset.measured;
    formula.classList.remove("wide");
  }
  widenFormulas();
}
addEventListener("resize", measureAgain);
document.fonts.addEventListener("loadingdone", measureAgain);

// Mermaid opens what a diagram links to in the place of the page, and does not say where that is. What it took for
// dangerous it links to nothing. It draws within the answer, and cleans what it has drawn on its way to its place.
function tameDiagrams() {
  for (const link of document.querySelectorAll("#chat .mermaid > svg a:not([data-tamed])")) {
    link.dataset.tamed = "";
    const address = link.getAttribute("href") ?? link.getAttribute("xlink:href") ?? "";
    link.setAttribute("rel", "noopener noreferrer");
    if (/^(https?|mailto|tel):/.test(address) && URL.canParse(address)) {
      link.setAttribute("target", "_blank");
      const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
      title.textContent = new URL(address).host || address;
      link.prepend(title);
    } else {
      for (const name of ["href", "xlink:href"]) link.removeAttribute(name);
    }
  }
}

new MutationObserver(() => {
  nameCode();
  widenFormulas();
  tameDiagrams();
}).observe(talk, { childList: true, subtree: true });
