"""What comes with the page's stream adds up, in a browser, to what the page should show."""

import random

import pytest

from chatbot.ui.browser_state import BrowserState
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

RECEIVE = """({ receive }, events) => events.map((event) => {
  receive(event);
  return window.drawn.at(-1) ?? null;
})"""


def message(role, text, title=None):
    return {"role": role, "content": [{"type": "text", "text": text}], "metadata": title, "options": None}


def conversations(dice):
    """Messages as a page shows them one after the other: an answer grows, is changed, goes, and another one comes."""
    shown = []
    for _ in range(60):
        what = dice.choice(["say", "grow", "grow", "grow", "change", "cut", "open"])
        if what == "say":
            shown = [*shown, message("user", "a 😀?"), message("assistant", "")]
        elif what in ("grow", "change") and shown:
            text = shown[-1]["content"][0]["text"]
            kept = text if what == "grow" else text[: dice.randint(0, len(text))]
            shown = [*shown[:-1], message("assistant", kept + dice.choice(["x", "👩‍👩‍👧", "é\n", "😀😁", "<b>"]))]
        elif what == "cut":
            shown = shown[: dice.randint(0, len(shown))]
        elif what == "open":
            shown = [message("assistant", "another", {"title": "Thought"})] * dice.randint(0, 3)
        yield shown


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_sent_of_growing_messages_adds_up_to_them(page, seed):
    states, browser = list(conversations(random.Random(seed))), BrowserState()
    events = [browser.messages(state) for state in states]
    kinds = {kind for event in events for kind in event}
    assert kinds == {"tail", "texts"}
    drawn = await run(page, "drawing", RECEIVE, events)
    shown = [update[0]["value"] if update and update[0] else [] for update in drawn]
    assert shown == [state if any(events[: at + 1]) else [] for at, state in enumerate(states)]


async def test_only_what_an_update_names_is_drawn(page):
    events = [{"components": {"k": {"value": 3}}}, {"recall_hint": "there is more"}]
    first, second = await run(page, "drawing", RECEIVE, events)
    # Undefined for what is left alone; JSON knows null only.
    assert first == [None, None, {"__type__": "update", "value": 3}]
    assert second == [None, {"__type__": "update", "value": "there is more"}, None]


async def test_updates_that_were_not_drawn_yet_are_put_together(page):
    code = """({ draw }) => {
      const plain = window.chatbotDraw;
      window.chatbotDraw = () => {};
      draw({ k: { value: 3, interactive: false } });
      draw({ k: { value: 4 } });
      window.chatbotDraw = plain;
      draw({ recall_hint: { value: "" } });
      return window.drawn;
    }"""
    assert await run(page, "drawing", code) == [
        [
            None,
            {"__type__": "update", "value": ""},
            {"__type__": "update", "value": 4, "interactive": False},
        ]
    ]


async def test_a_field_that_is_changed_is_not_drawn_until_the_server_has_heard_of_it(page):
    code = """async ({ draw, changing }) => {
      document.querySelector("#panel").innerHTML = '<div id="k"><input></div>';
      const field = document.querySelector("#k input");
      field.value = "7";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      draw({ k: { value: 3, maximum: 9 } });
      let reply;
      const told = changing("k", () => new Promise((heard) => (reply = heard)));
      draw({ k: { value: 4 } });
      reply();
      await told;
      draw({ k: { value: 5 } });
      return window.drawn.map((each) => each[2]);
    }"""
    update = {"__type__": "update"}
    assert await run(page, "drawing", code) == [
        {**update, "maximum": 9},
        update,
        {**update, "value": 4},
        {**update, "value": 5},
    ]


async def test_what_was_typed_is_what_a_field_holds_when_it_is_left(page):
    code = """async () => {
      document.querySelector("#panel").innerHTML = '<div id="k"><input></div>';
      const field = document.querySelector("#k input");
      field.focus();
      field.value = "7";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.value = "5";
      const heard = [];
      field.addEventListener("blur", () => heard.push(field.value));
      field.blur();
      return heard;
    }"""
    assert await run(page, "drawing", code) == ["7"]
