// A new link's address: the server knows its path only, and the browser where that is.
import { root, t } from "./texts.js";

const sidebar = document.querySelector("#sidebar");

function addresses() {
  for (const link of sidebar.querySelectorAll("#shares a[data-path]:not([href])")) {
    link.href = `${location.origin}${root}${link.dataset.path}`;
    link.textContent = link.href;
  }
}

new MutationObserver(addresses).observe(sidebar, { childList: true, subtree: true });

sidebar.addEventListener("click", async ({ target }) => {
  const button = target.closest("#shares .copy-link");
  if (!button) return;
  const link = button.parentElement.querySelector("a");
  try {
    await navigator.clipboard.writeText(link.href);
    button.textContent = t("copied");
  } catch {
    // Without TLS there is no clipboard: it is selected, for the visitor to copy.
    getSelection().selectAllChildren(link);
  }
});
