// Where our own routes begin; behind a proxy that is below a path, and not by the scheme the server knows of.
export const root = new URL(window.gradio_config.root).pathname.replace(/\/$/, "");

// What the page says by itself, in the browser's language; the table comes with the script.
export const t = (name) => {
  const wishes = (navigator.languages ?? [navigator.language]).map((wish) => wish.split("-")[0]);
  const language = wishes.find((wish) => wish in TEXTS) ?? "en";
  // Whoever has the page read to them hears it in its language. To say it once more would style the whole page anew.
  if (document.documentElement.lang !== language) document.documentElement.lang = language;
  return TEXTS[language][name];
};

// Labels of HTML that is the same for everybody: Gradio translates its components only.
for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
for (const element of document.querySelectorAll("[data-i18n-label]")) {
  element.setAttribute("aria-label", t(element.dataset.i18nLabel));
}
