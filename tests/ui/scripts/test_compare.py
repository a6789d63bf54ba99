"""How a question is asked a second time goes with it while the form is open, also where the form was drawn anew."""

import pytest

from chatbot.conversation import Deployment, EffectiveOptions, Options, WindowMemory
from chatbot.ui.i18n import Language
from chatbot.ui.views.compare_form import compare_form
from tests.support.scripted_model import ScriptedModel
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

ASKED = """async ({ beside }, [form, drawn]) => {
  const talk = document.querySelector("#talk");
  const compare = Object.assign(document.createElement("div"), { id: "compare" });
  const drawing = () => new Promise((done) => setTimeout(done));
  compare.innerHTML = form;
  talk.append(compare);
  await drawing();
  const asked = [beside()];
  compare.querySelector("summary").click();
  await drawing();
  asked.push(beside());
  for (const [name, value] of [["k", "3"], ["deployment", "c"], ["token_budget", "500"]]) {
    const field = compare.querySelector(`[name=${name}]`);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  compare.querySelector("[name=pins]").click();
  asked.push(beside());
  for (const html of drawn) {
    compare.innerHTML = html;
    await drawing();
    asked.push(beside());
  }
  compare.querySelector("summary")?.click();
  await drawing();
  return [...asked, beside()];
}"""


def form(*names):
    deployments = [Deployment(name, ScriptedModel(), WindowMemory(5, 4000)) for name in names]
    return compare_form(Language("en"), EffectiveOptions(deployments[0], Options()), deployments, ())


async def test_what_is_filled_in_goes_along_while_the_form_is_open_and_outlives_its_drawing(page):
    drawn = [form("a", "b", "c"), "", form("a", "b")]
    asked = await run(page, "compare", ASKED, [form("a", "b", "c"), drawn])
    as_filled_in = {"deployment": "c", "k": 3, "token_budget": 500, "pins": False}
    assert asked == [
        None,
        {"deployment": "b", "k": None, "token_budget": None, "pins": True},
        as_filled_in,
        as_filled_in,
        None,
        as_filled_in | {"deployment": "b"},  # the other one is not there any more
        None,
    ]
