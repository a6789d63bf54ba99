"""The demo model's story in the languages of the page: what its examples ask it understands, and answers in kind."""

import tomllib

import pytest

from chatbot.config_files import PROMPTS
from chatbot.emulator.model.demo_model import answer
from chatbot.ui.i18n import CODES, Language

OTHERS = [code for code in CODES if code != "en"]
EXAMPLES = [each for each in tomllib.loads(PROMPTS.read_text(encoding="utf-8"))["example"] if each["demo"]]
SIGNS = {"zh": "记忆窗口", "ko": "기억 창", "es": "ventana de memoria", "fr": "fenêtre de mémoire"}
ASK_NAME = {"zh": "我叫什么名字？", "ko": "제 이름이 뭐예요?", "es": "¿Cómo me llamo?", "fr": "Comment je m'appelle ?"}
NAMES = {"zh": "艾达", "ko": "에이다", "es": "Ada", "fr": "Ada"}


def asked(*texts: str) -> str:
    """Ask one after the other; return the last answer."""
    messages: list[dict[str, str]] = []
    for text in texts:
        messages.append({"role": "user", "content": text})
        said = answer(messages)
        messages.append({"role": "assistant", "content": said})
    return said


@pytest.mark.parametrize("code", OTHERS)
def test_the_examples_tell_their_story_in_every_language(code):
    name, recall, table, long = (each["translations"][code]["prompt"] for each in EXAMPLES)
    greeted = asked(name)
    assert f"**{NAMES[code]}**" in greeted
    assert SIGNS[code] in greeted
    assert f"**{NAMES[code]}**" in asked(name, recall)
    assert "1" in asked(name, recall)
    assert "**" not in asked(recall)
    assert "|---:|" in asked(table)
    assert len(asked(long)) > 400
    assert f"**{NAMES[code]}**" in asked(name, "...", ASK_NAME[code])
    assert SIGNS[code] in asked("...", ASK_NAME[code])


@pytest.mark.parametrize(
    ("code", "text"), [("zh", "写一首诗"), ("ko", "시를 써 줘"), ("es", "¿Qué hora es?"), ("fr", "Pourquoi ?")]
)
def test_what_it_does_not_understand_it_says_in_the_same_language(code, text):
    assert ASK_NAME[code].lower() in asked(text).lower()


def test_a_name_is_known_in_every_language_whatever_it_was_told_in():
    assert "Your name is **Ada**." in asked("Me llamo Ada.", "What is my name?")
    assert "**Ada**" in asked("My name is Ada", ASK_NAME["fr"])
    assert "Nice to meet you, **艾达**!" in asked("My name is 艾达")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("example", [2, 3])
def test_an_answer_that_was_cut_short_is_gone_on_with_where_it_stopped(code, example):
    example = EXAMPLES[example]
    prompt = example.get("translations", {}).get(code, example)["prompt"]
    question = Language(code)("chat.continue_question")
    whole = asked(prompt)
    said = ""
    messages = [{"role": "user", "content": prompt}]
    for _ in range(2):
        part = whole[len(said) : len(said) + len(whole) // 3]
        messages += [{"role": "assistant", "content": part}, {"role": "user", "content": question}]
        said += part
        assert said + answer(messages) == whole
    assert asked(question), "with nothing to go on with it says something"


def test_what_was_said_of_what_is_asked_is_found_again_and_nothing_else():
    assert "I work on the Contoso budget" in asked("I work on the Contoso budget", "How big is the Contoso budget?")
    assert "built-in demo model" in asked("I like tea", "How big is the Contoso budget?")
