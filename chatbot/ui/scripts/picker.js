// Who answers: chosen at the badge, and, for one answer that is asked for again, below it.
import { instead, tell } from "./actions.js";
import { openMenu } from "./menus.js";
import { t } from "./texts.js";

const picker = () => document.querySelector("#badge button.badge");
const deployments = () => JSON.parse(picker()?.dataset.choices ?? "[]");

function openPicker(badge) {
  const items = deployments().map(([name, isSilent]) => ({
    text: name,
    isSilent,
    isChecked: name === badge.dataset.chosen,
    act: () => tell(["set_deployment", name]),
  }));
  openMenu(badge, t("picker"), [{ label: t("picker"), items }]);
}

instead.set("retry_with", (button) => {
  const others = deployments().filter(([name]) => name !== picker()?.dataset.chosen);
  // Nobody may be chosen any more: the day's budget is used up.
  if (!others.length) return tell(["retry"]);
  const items = others.map(([name, isSilent]) => ({ text: name, isSilent, act: () => tell(["retry_with", name]) }));
  openMenu(button, t("retry_with"), [{ label: t("retry_with"), items }]);
});

document.addEventListener("click", ({ target }) => {
  const badge = target.closest("#badge button.badge");
  if (badge) openPicker(badge);
});
