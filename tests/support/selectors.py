"""The selectors that the page's style sheet and scripts use, and which of them match something in a page."""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

from playwright.async_api import Page

from chatbot.ui.scripts import NEEDED
from chatbot.ui.theme import STYLES, style_sheet

SCRIPTS = STYLES[0].parent / "scripts"

_SOUGHT = re.compile(r"""(?:querySelector|querySelectorAll|closest|matches|find)(?:\?\.)?\(\s*(["'`])(.*?)\1""")
_NAMED = re.compile(r'const WHOLE = "(.*?)"')
_VALUES = {
    "name": ["sidebar", "panel"],
    "kind": ["submit", "stop"],
    "token()": ["TOKEN"],
    'each.replaceAll("_", "-")': ["k"],
}
"""What the scripts put into a selector."""

# A browser's own parser reads the style sheet: rules within rules, too. Each branch of a list and of `:is` is a
# selector of its own, and so is what stands in `:not`; what a visitor is doing with an element is left out.
_READ = """(css) => {
  const outside = (text, take) => {
    let depth = 0;
    for (let at = 0; at < text.length; at++) {
      if ("([".includes(text[at])) depth++;
      else if (")]".includes(text[at])) depth--;
      else if (depth === 0 && take(text[at], at)) return;
    }
  };
  const branches = (list) => {
    const edges = [-1];
    outside(list, (character, at) => void (character === "," && edges.push(at)));
    return edges.map((edge, at) => list.slice(edge + 1, edges[at + 1] ?? list.length).trim());
  };
  const argument = (text, name) => {
    const start = text.indexOf(name + "(");
    if (start < 0) return null;
    let depth = 0;
    for (let at = start + name.length; at < text.length; at++) {
      depth += (text[at] === "(") - (text[at] === ")");
      if (depth === 0) return [text.slice(0, start), text.slice(start + name.length + 1, at), text.slice(at + 1)];
    }
  };
  const plain = (selector) => {
    const not = argument(selector, ":not");
    if (not) return [...plain(not[0] + not[2]), ...branches(not[1]).flatMap(plain)];
    const is = argument(selector, ":is");
    if (is) return branches(is[1]).flatMap((each) => plain(is[0] + each + is[2]));
    const still = selector.replace(/::[a-z-]+/g, "").replace(/:(hover|focus-within|focus-visible|focus)/g, "").trim();
    // What `:has(` or a combinator begins or ends with stood beside what was left out.
    return still && still !== "*" ? [still.replace(/(^|[\\s>+~])$/, "$1*").replace(/\\(\\)/g, "(*)")] : [];
  };
  const found = [];
  const read = (rules, around) => {
    for (const rule of rules) {
      let here = around;
      if (rule.selectorText) {
        here = rule.selectorText;
        if (around) here = here.includes("&") ? here.replaceAll("&", `:is(${around})`) : `:is(${around}) ${here}`;
        found.push(...branches(here).flatMap(plain));
      }
      if (rule.cssRules && !(rule instanceof CSSKeyframesRule)) read(rule.cssRules, here);
    }
  };
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  read(sheet.cssRules, "");
  return found;
}"""

_MATCHING = """(selectors) => {
  const token = document.querySelector("#conversations nav").dataset.token;
  return selectors.filter((each) => document.querySelector(each.replace("TOKEN", token)));
}"""


async def selectors_of(page: Page) -> set[str]:
    """Return what is looked for by the style sheet and the scripts; ``TOKEN`` stands for the page's own class."""
    scripts = [selector for file in SCRIPTS.glob("*.js") for selector in in_script(file)]
    css = style_sheet() + "".join(f"{each} {{}}" for each in [*scripts, *NEEDED])
    return set(await page.evaluate(_READ, css))


def in_script(file: Path) -> Iterable[str]:
    """Yield the selectors of a script.

    Raises:
        KeyError: A selector is put together of something that is not known here.
    """
    text = file.read_text(encoding="utf-8")
    for selector in [found[1] for found in _SOUGHT.findall(text)] + _NAMED.findall(text):
        names = re.findall(r"\$\{(.*?)\}", selector)
        for values in product(*(_VALUES[name] for name in names)):
            filled = selector
            for name, value in zip(names, values, strict=True):
                filled = filled.replace(f"${{{name}}}", value)
            yield filled


async def matching(page: Page, selectors: Sequence[str]) -> set[str]:
    """Return those selectors that match something in a page as it is now."""
    return set(await page.evaluate(_MATCHING, selectors))
