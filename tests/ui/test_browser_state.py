"""What is sent to a browser is what it does not hold yet, and adds up to what it should show."""

from hypothesis import given
from hypothesis import strategies as st

from chatbot.ui.browser_state import BrowserState


def message(text, role="assistant", metadata=None):
    return {"role": role, "content": [{"type": "text", "text": text}], "metadata": metadata, "options": None}


def browser(shown, update):
    """What a browser shows after an update, as the page's script goes about it: in UTF-16 units."""
    if "tail" in update:
        kept, tail = update["tail"]
        return [*shown[:kept], *tail]
    shown = list(shown)
    for at, dropped, added in update.get("texts", ()):
        units = shown[at]["content"][0]["text"].encode("utf-16-le", "surrogatepass")
        text = (units[: len(units) - 2 * dropped] + added.encode("utf-16-le", "surrogatepass")).decode("utf-16-le")
        shown[at] = {**shown[at], "content": [{"type": "text", "text": text}]}
    return shown


texts = st.text(alphabet="ab😀é\n", max_size=6)
messages = st.builds(message, texts, st.sampled_from(["user", "assistant"]), st.sampled_from([None, {"title": "t"}]))


@given(st.lists(st.lists(messages, max_size=5), max_size=6))
def test_whatever_a_page_shows_next_the_browser_shows_it_too(states):
    held, shown = BrowserState(), [message("what was shown before the stream broke")]
    for state in states:
        shown = browser(shown, held.messages(state))
        assert shown == state


@given(st.lists(messages, max_size=3), st.lists(texts, min_size=1, max_size=8))
def test_a_growing_answer_is_added_to_below_what_stands_above_it(above, growth):
    held, text = BrowserState(), ""
    shown = browser([], held.messages(above))
    for each in growth:
        text += each
        shown = browser(shown, held.messages([message("asked", "user"), message(text)], len(above)))
        assert shown == [*above, message("asked", "user"), message(text)]


def test_only_what_is_new_of_a_growing_answer_is_sent():
    held = BrowserState()
    held.messages([message("asked", "user"), message("Hello")])
    assert held.messages([message("asked", "user"), message("Hello, Ada")]) == {"texts": [[1, 0, ", Ada"]]}
    assert held.messages([message("asked", "user"), message("Hello, **Ada**")]) == {"texts": [[1, 3, "**Ada**"]]}
    assert held.messages([message("asked", "user"), message("Hello, **Ada**")]) == {}


def test_of_two_growing_answers_only_what_is_new_is_sent():
    held = BrowserState()

    def grown(first, second):
        return held.messages([message("head"), message(first), message("other head"), message(second)], 3)

    held.messages([message("earlier")] * 3)
    assert "tail" in grown("", "")
    assert "tail" in grown("One", "Two")  # the first time it is seen that the first one goes on
    assert grown("One a", "Two b") == {"texts": [[4, 0, " a"], [6, 0, " b"]]}
    assert grown("One a", "Two b c") == {"texts": [[6, 0, " c"]]}
    assert grown("One a d", "Two b c") == {"texts": [[4, 0, " d"]]}
    assert grown("One a d", "Two b c e") == {"texts": [[6, 0, " e"]]}


def test_only_properties_that_changed_are_sent():
    held = BrowserState()
    assert held.components({"k": {"value": 5}, "box": {"stop": False}}) == {"k": {"value": 5}, "box": {"stop": False}}
    assert held.components({"k": {"value": 5}, "box": {"stop": True}}) == {"box": {"stop": True}}


def test_what_a_visitor_changed_is_sent_as_it_counts():
    held, drawn = BrowserState(), {"prompt": {"value": "Be kind", "placeholder": "default"}}
    held.components(drawn)
    assert held.components(drawn) == {}
    held.forget_value("prompt")
    assert held.components(drawn) == {"prompt": {"value": "Be kind"}}
