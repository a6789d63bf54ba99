// What a visitor chooses of the page itself: light or dark, its language; and what can be done with it as a whole.
// Both choices are known before Gradio begins (ui/appearance.py).
import { openMenu } from "./menus.js";
import { printAll } from "./printing.js";
import { remembered, rememberChoice } from "./remembered.js";
import { shortcut, showShortcuts } from "./shortcuts.js";
import { t } from "./texts.js";

const [THEME, LANGUAGE] = ["chatbot_theme", "chatbot_language"];
const LANGUAGES = { en: "English", zh: "中文", fr: "Français", ko: "한국어", es: "Español" };
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

export function showTheme() {
  const theme = remembered(THEME);
  document.body.classList.toggle("dark", theme ? theme === "dark" : prefersDark.matches);
}
// After Gradio's own, which knows only the system's.
prefersDark.addEventListener("change", showTheme);
window.addEventListener("beforeprint", () => document.body.classList.remove("dark"));
window.addEventListener("afterprint", showTheme);

function chooseTheme(theme) {
  rememberChoice(THEME, theme);
  showTheme();
}

// Gradio says what it says in the language that it began with.
function chooseLanguage(code) {
  if (code === remembered(LANGUAGE)) return;
  if (document.querySelector("#temporary .temporary") && !confirm(t("language_temporary"))) return;
  rememberChoice(LANGUAGE, code);
  window.chatbotActions.then((perform) => perform.reload());
}

const themes = () =>
  [[null, "theme_system"], ["light", "theme_light"], ["dark", "theme_dark"]].map(([theme, name]) => ({
    text: t(name),
    isChecked: remembered(THEME) === theme,
    act: () => chooseTheme(theme),
  }));

const languages = () =>
  [[null, t("language_browser")], ...Object.entries(LANGUAGES)].map(([code, text]) => ({
    text,
    lang: code,
    isChecked: remembered(LANGUAGE) === code,
    act: () => chooseLanguage(code),
  }));

// Further groups of the menu come before the last one.
export const pageMenuGroups = [
  () => ({ label: t("theme"), items: themes() }),
  () => ({ label: t("language"), items: languages() }),
];

const deeds = () => ({
  items: [
    { text: t("print"), act: printAll },
    { text: t("shortcuts"), act: showShortcuts },
  ],
});

const pageMenu = document.querySelector("#page-menu");
pageMenu.title = t("page_menu");
pageMenu.addEventListener("click", () => {
  openMenu(pageMenu, t("page_menu"), [...pageMenuGroups.map((group) => group()), deeds()]);
});

shortcut({ keys: "?", what: "key_help", act: showShortcuts });
shortcut({ keys: "Mod+/", what: "key_help", act: showShortcuts });
