// The bubble on other people's websites, see docs/launcher.md: a button in a corner, and a panel with the page in a
// frame. A site's style does not reach into its shadow tree, nor its own out of it. It is made by script, since a strict
// Content-Security-Policy refuses a style that is written down; and it keeps nothing in the browser.
const { dataset, src } = document.currentScript;
const chat = new URL(".", src);
// Where the panel takes the whole screen.
const PHONE = "(max-width: 480px), (max-height: 480px)";
const phone = matchMedia(PHONE);
const title = dataset.title || CHAT.title;
const side = dataset.position === "left" ? "left" : "right";
const language = [dataset.lang ?? "", ...navigator.languages].map((wish) => wish.split("-")[0].toLowerCase());
const texts = TEXTS[language.find((wish) => Object.hasOwn(TEXTS, wish)) ?? "en"];
const [fill, ink] = coloursOf(dataset.color) ?? CHAT.colours;

const STYLE = `
:host { all: initial !important; display: contents !important; --fill: ${fill}; --ink: ${ink}; }
* { box-sizing: border-box; }
button, a { color: inherit; cursor: pointer; }
.bubble:hover, header > :hover { filter: brightness(0.88); }
svg { display: block; width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round; }
:focus-visible { outline: 3px solid currentColor; outline-offset: -5px; }
.bubble { position: fixed; z-index: 2147483000; bottom: 20px; ${side}: 20px; width: 56px; height: 56px; padding: 0;
  display: grid; place-items: center; border: 1px solid color-mix(in srgb, var(--ink) 40%, transparent);
  border-radius: 50%; background: var(--fill); color: var(--ink); box-shadow: 0 2px 12px #0005; }
.bubble[aria-expanded=true] .talk, .bubble[aria-expanded=false] .cross { display: none; }
dialog { position: fixed; z-index: 2147483000; inset: auto; bottom: 88px; ${side}: 20px; margin: 0; padding: 0;
  width: min(400px, 100vw - 40px); height: min(680px, 100dvh - 108px); max-width: none; max-height: none;
  flex-direction: column; overflow: hidden; border: 1px solid #8886; border-radius: 14px; color-scheme: light dark;
  background: Canvas; color: CanvasText; box-shadow: 0 8px 32px #0006; font: 15px/1.4 system-ui, sans-serif; }
dialog[open] { display: flex; }
header { flex: none; display: flex; align-items: center; padding: 0 4px 0 16px; background: var(--fill); color: var(--ink); }
h2 { flex: 1; min-width: 0; margin: 0; overflow: hidden; font-size: 15px; white-space: nowrap; text-overflow: ellipsis; }
header > :not(h2) { display: grid; place-items: center; width: 44px; height: 44px; padding: 0; border: 0; background: none; }
header svg { width: 20px; height: 20px; }
iframe { flex: 1; width: 100%; border: 0; color-scheme: light dark; }
main { margin: auto; padding: 24px; text-align: center; }
@media ${PHONE} { dialog { inset: 0; width: 100%; height: 100dvh; border: 0; border-radius: 0; } }
@media print { .bubble, dialog { display: none !important; } }
@media (prefers-reduced-motion: no-preference) {
  dialog[open] { animation: rise 0.2s ease-out; }
  @keyframes rise { from { opacity: 0; transform: translateY(12px); } }
}`;

const CROSS = "M5 5l14 14M19 5L5 19";
const TALK = "M21 12a8 8 0 0 1-8 8H3l2.6-3.2A8 8 0 1 1 21 12zM9 12h.01M13 12h.01M17 12h.01";
const TAB = "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6";

// With black or white, whichever is the easier to read on it; null for what is no colour.
function coloursOf(colour) {
  if (colour === undefined) return null;
  if (!/^#[0-9a-f]{6}$/i.test(colour)) return say(`data-color="${colour}" is no colour; write # and six digits`);
  const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  return [colour, 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff"];
}

function say(words) {
  console.error(`The chat of ${chat}: ${words}, see docs/launcher.md.`);
  return null;
}

// No HTML is parsed anywhere: a site may forbid that with Trusted Types.
function set(element, attributes, ...children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const make = (name, ...rest) => set(document.createElement(name), ...rest);
const draw = (name, ...rest) => set(document.createElementNS("http://www.w3.org/2000/svg", name), ...rest);
const icon = (d, name = "") => draw("svg", { class: name, viewBox: "0 0 24 24", "aria-hidden": true }, draw("path", { d }));
const link = (...children) => make("a", { href: chat, target: "_blank", rel: "noopener" }, ...children);
const button = (label, ...icons) => make("button", { type: "button", "aria-label": label, title: label }, ...icons);

function begin() {
  if (document.querySelector("chatbot-launcher")) return;
  const host = make("chatbot-launcher", {});
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];

  const bubble = button(title, icon(TALK, "talk"), icon(CROSS, "cross"));
  set(bubble, { class: "bubble", "aria-haspopup": "dialog", "aria-expanded": "false" });
  const close = button(texts.close, icon(CROSS));
  const tab = set(link(icon(TAB)), { "aria-label": texts.tab, title: texts.tab });
  const panel = make("dialog", { "aria-label": title }, make("header", {}, make("h2", {}, title), tab, close));
  const frame = make("iframe", { title, allow: "clipboard-write", referrerpolicy: "no-referrer" });
  let inside = frame;
  root.append(bubble, panel);
  document.body.append(host);

  // What stands in the frame's place; what is to be done about it only the site's and the chat's owners need to know.
  function refuse(why) {
    if (inside !== frame) return;
    say(why);
    inside = make("main", {}, make("p", {}, texts.refused), link(texts.tab));
    if (frame.isConnected) frame.replaceWith(inside);
  }

  function open() {
    if (!inside.isConnected) {
      if (inside === frame) frame.src = chat;
      panel.append(inside);
    }
    if (phone.matches) panel.showModal();
    else panel.show();
    bubble.setAttribute("aria-expanded", "true");
    (inside === frame ? frame : inside.querySelector("a")).focus();
  }

  // A browser tells no script that it refused a frame.
  const isAllowed = (site) => new RegExp(CHAT.sites).test(site) || (CHAT.self && site === chat.origin);
  const stranger = [location.origin, ...(location.ancestorOrigins ?? [])].find((site) => !isAllowed(site));
  if (stranger) refuse(`its owner has to add ${stranger} to CHATBOT_FRAME_ANCESTORS`);

  bubble.addEventListener("click", () => (panel.open ? panel.close() : open()));
  close.addEventListener("click", () => panel.close());
  host.addEventListener("keydown", ({ key }) => key === "Escape" && panel.open && panel.close());
  phone.addEventListener("change", () => {
    if (!panel.open) return;
    panel.close();
    open();
  });
  panel.addEventListener("close", () => {
    if (panel.open) return; // as something else by now
    bubble.setAttribute("aria-expanded", "false");
    bubble.focus();
  });
  window.addEventListener("message", ({ source, origin, data }) => {
    if (data === "chatbot:escape" && source === frame.contentWindow && origin === chat.origin) panel.close();
  });
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, disposition }) => {
    if (effectiveDirective !== "frame-src" || disposition !== "enforce" || !blockedURI.startsWith(chat.origin)) return;
    refuse(`this site's Content-Security-Policy has to allow frame-src ${chat.origin}`);
    inside.querySelector("a").focus();
  });
}

if (document.body) begin();
else document.addEventListener("DOMContentLoaded", begin);
