// The list of conversations: grouped by the days of whoever reads it, a menu for each row, and few stops for the keyboard.
import { instead, resumeRename, tell, wordsOf } from "./actions.js";
import { closeMenu, openMenu } from "./menus.js";
import { t } from "./texts.js";

const DAY = 24 * 3600 * 1000;

// Days as the visitor's clock has them: one with 23 hours is one, too.
const dayOf = (date) => Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / DAY);
const capitalized = (words) => words.charAt(0).toLocaleUpperCase() + words.slice(1);
const dateText = (date, form) => new Intl.DateTimeFormat(document.documentElement.lang, form).format(date);

export function groupOf(seconds, now = new Date()) {
  const date = new Date(1000 * seconds);
  const ago = dayOf(now) - dayOf(date);
  if (ago <= 0) return t("today");
  if (ago === 1) return t("yesterday");
  if (ago <= 7) return t("week");
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  return capitalized(dateText(date, { month: "long", ...year }));
}

(() => {
  const list = document.querySelector("#conversations");
  const rowsOf = () => [...list.querySelectorAll(".row")];
  const titleOf = (row) => row?.querySelector("button.open, input");
  const idOf = (row) => wordsOf(row.querySelector("button.options"))[1];
  const groupNameOf = (row) => (row.matches(".pinned") ? t("pinned") : groupOf(Number(row.dataset.at)));

  // --- Groups

  function group(nav) {
    const rows = rowsOf();
    for (const each of nav.querySelectorAll("h3, ul:not(:first-of-type)")) each.remove();
    let [section, name] = [nav.querySelector("ul"), null];
    for (const row of rows) {
      if (groupNameOf(row) !== name) {
        const heading = document.createElement("h3");
        heading.textContent = groupNameOf(row);
        if (name === null) section.before(heading);
        else {
          section.after(heading, document.createElement("ul"));
          section = heading.nextElementSibling;
        }
        name = heading.textContent;
        section.setAttribute("aria-label", name);
      }
      section.append(row);
    }
  }

  // --- Stops for the keyboard: one row, and the arrows go to the others

  let focused = null; // the place in the list that has the focus: it is drawn anew and then has it again

  function setStop(row) {
    for (const each of rowsOf()) {
      for (const button of each.querySelectorAll("button")) button.tabIndex = each === row ? 0 : -1;
    }
  }

  const rowNamed = (id) => rowsOf().find((row) => idOf(row) === id);

  function arrange() {
    const wasInMenu = document.activeElement.closest("#menu") !== null;
    closeMenu();
    group(list.querySelector("nav"));
    setStop(rowNamed(focused?.id) ?? list.querySelector(".row.shown") ?? list.querySelector(".row"));
    const isLost = focused && (wasInMenu || !list.contains(document.activeElement));
    if (resumeRename() || !isLost) return;
    const rows = rowsOf();
    const row = rowNamed(focused.id) ?? rows[Math.min(focused.at, rows.length - 1)];
    row?.querySelector(focused.kind)?.focus();
  }

  // Gradio puts the list together anew from what is there, in one group: also where only a title has changed.
  const drawings = new MutationObserver(() => {
    if (!list.querySelector("nav") || list.querySelector("input")) return;
    arrange();
    drawings.takeRecords();
  });
  drawings.observe(list, { childList: true, subtree: true, characterData: true, attributeFilter: ["data-at", "class"] });
  // It may be another day by now.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && list.querySelector(".row") && !list.querySelector("input")) arrange();
  });

  list.addEventListener("focusin", ({ target }) => {
    const row = target.closest(".row");
    if (!row || !target.matches("button")) return;
    focused = { id: idOf(row), at: rowsOf().indexOf(row), kind: target.matches(".open") ? "button.open" : "button.options" };
    setStop(row);
  });
  document.addEventListener("focusin", ({ target }) => {
    if (!list.contains(target) && !target.closest("#menu")) focused = null;
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!list.contains(target)) focused = null;
  });

  const STEPS = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  list.addEventListener("keydown", (event) => {
    const { key, target } = event;
    const row = target.closest(".row");
    if (!row || !target.matches("button")) return;
    // A key that is held down after a title was typed opens nothing.
    if (key === "Enter" && event.repeat) event.preventDefault();
    const rows = rowsOf();
    const next = key in STEPS ? rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(row) + STEPS[key]))] : null;
    const beside = { ArrowRight: "button.options", ArrowLeft: "button.open" }[key];
    const to = next ? titleOf(next) : beside ? row.querySelector(beside) : null;
    if (!to) return;
    event.preventDefault();
    to.focus();
  });

  // --- The menu of a row

  const act = (action, id) => (instead.has(action) ? instead.get(action)(null, id) : tell([action, id]));
  instead.set("options", (button, id) => {
    const row = button.closest(".row");
    const when = dateText(new Date(1000 * Number(row.dataset.at)), { dateStyle: "medium", timeStyle: "short" });
    const glyphs = {
      rename: "pencil",
      name: "spark",
      [row.matches(".pinned") ? "unpin" : "pin"]: "pin",
      [row.matches(".archived") ? "unarchive" : "archive"]: "archive",
      delete: "bin",
    };
    const items = Object.entries(glyphs).map(([action, glyph]) => ({ text: t(action), glyph, act: () => act(action, id) }));
    openMenu(button, button.title, [{ label: t("last_written").replace("{time}", when), items }]);
  });
  list.addEventListener("contextmenu", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.target.matches("input")) return;
    event.preventDefault();
    row.querySelector("button.options").click();
  });
  list.addEventListener("scroll", closeMenu, true);

  // --- Searching

  function clearOf(search) {
    const known = search.querySelector(".clear");
    if (known) return known;
    const clear = Object.assign(document.createElement("button"), { type: "button", className: "clear" });
    clear.innerHTML = '<i class="glyph cross"></i>';
    clear.setAttribute("aria-label", t("clear"));
    clear.title = t("clear");
    clear.addEventListener("click", () => emptyField(search.querySelector("textarea, input")));
    search.append(clear);
    return clear;
  }

  function emptyField(field) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  document.addEventListener("input", ({ target }) => {
    const search = target.closest("#search");
    if (search) clearOf(search).hidden = !target.value;
  });
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.isComposing || !event.target.closest("#search") || !event.target.value) return;
      event.stopPropagation();
      emptyField(event.target);
    },
    true,
  );

  // --- A new chat in one tap, also where the list is not open

  const fresh = Object.assign(document.createElement("button"), { type: "button", id: "new-chat-here", title: t("new_chat") });
  fresh.setAttribute("aria-label", t("new_chat"));
  fresh.innerHTML = '<i class="glyph compose"></i>';
  fresh.addEventListener("click", () => tell(["new"]));
  document.querySelector("#sidebar-toggle").after(fresh);
})();
