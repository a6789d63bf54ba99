// Menus: one at a time, below what opens it. Arrows walk through it, Escape and whatever is done elsewhere close it.
const menu = Object.assign(document.createElement("div"), { id: "menu", hidden: true });
menu.setAttribute("role", "menu");
document.querySelector("#layout").append(menu);

let opener = null;
const menuItems = () => [...menu.querySelectorAll("button")];

export function closeMenu() {
  if (menu.hidden) return;
  menu.hidden = true;
  opener.setAttribute("aria-expanded", "false");
  if (menu.contains(document.activeElement)) opener.focus();
  opener = null;
}

function madeItem({ text, glyph, isChecked, isSilent, lang, act }) {
  const item = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  if (glyph) item.prepend(Object.assign(document.createElement("i"), { className: `glyph ${glyph}` }));
  item.setAttribute("role", isChecked === undefined ? "menuitem" : "menuitemradio");
  if (isChecked !== undefined) item.setAttribute("aria-checked", String(isChecked));
  if (isSilent) item.classList.add("silent");
  if (lang) item.lang = lang;
  item.dir = "auto";
  item.tabIndex = -1;
  item.addEventListener("click", () => {
    closeMenu();
    act();
  });
  return item;
}

function madeGroup({ label, items }) {
  const group = document.createElement("div");
  group.setAttribute("role", "group");
  if (label) {
    group.setAttribute("aria-label", label);
    const heading = Object.assign(document.createElement("p"), { textContent: label });
    heading.setAttribute("aria-hidden", "true");
    group.append(heading);
  }
  group.append(...items.map(madeItem));
  return group;
}

// Below what opened it where there is room, else above; on the side of the window where that is; never beyond it.
function placeMenu() {
  const [at, { width, height }] = [opener.getBoundingClientRect(), menu.getBoundingClientRect()];
  const isBelow = at.bottom + height + 8 <= innerHeight || at.top < height + 8;
  const top = isBelow ? at.bottom + 4 : at.top - height - 4;
  menu.style.top = `${Math.max(Math.min(top, innerHeight - height - 4), 4)}px`;
  const left = at.left + at.right > innerWidth ? at.right - width : at.left;
  menu.style.left = `${Math.max(Math.min(left, innerWidth - width - 8), 8)}px`;
}

// Groups have a `label`, or none, and `items`: `text`, `act`, a `glyph` or none, and where one of a group is chosen `isChecked`.
export function openMenu(button, label, groups) {
  const isOpen = opener === button;
  closeMenu();
  if (isOpen) return;
  opener = button;
  menu.setAttribute("aria-label", label);
  menu.replaceChildren(...groups.map(madeGroup));
  menu.hidden = false;
  button.setAttribute("aria-expanded", "true");
  placeMenu();
  (menu.querySelector('[aria-checked="true"]') ?? menuItems()[0])?.focus();
}

menu.addEventListener("keydown", (event) => {
  const items = menuItems();
  const at = items.indexOf(document.activeElement);
  const goTo = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") return closeMenu();
  if (event.key === "Escape") closeMenu();
  else if (goTo === undefined) return;
  else items.at(goTo % items.length).focus();
  // Escape would stop an answer as well, and a frame around the page would close.
  event.preventDefault();
  event.stopPropagation();
});

document.addEventListener("pointerdown", ({ target }) => {
  if (!menu.contains(target) && !opener?.contains(target)) closeMenu();
});
// What opened it may be drawn anew meanwhile.
document.addEventListener("focusin", ({ target }) => {
  if (!menu.contains(target) && target !== opener) closeMenu();
});
window.addEventListener("resize", closeMenu);
