import pytest

from chatbot.emulator.model.generation import Prompt, PromptUsage, generate


def prompt(text: str, limit: int | None = None, stop: tuple[str, ...] = ()) -> Prompt:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
    return Prompt(messages, limit, stop)


@pytest.mark.parametrize(
    ("limit", "stop", "text", "finish_reason"),
    [
        (None, (), "one two three four", "stop"),
        (4, (), "one two three four", "stop"),
        (3, (), "one two three", "length"),
        (None, (" three",), "one two", "stop"),
        (None, ("four", "two"), "one ", "stop"),
        (None, ("one",), "", "stop"),
        (None, ("never",), "one two three four", "stop"),
        (2, (" three",), "one two", "stop"),
        (1, (" three",), "one", "length"),
        (2, ("four",), "one two", "length"),
    ],
)
def test_limits_and_stop_texts(limit: int | None, stop: tuple[str, ...], text: str, finish_reason: str) -> None:
    generation = generate(prompt("repeat one two three four", limit, stop))
    assert (generation.text, generation.finish_reason) == (text, finish_reason)


def test_usage_counts_all_messages_and_what_was_written() -> None:
    generation = generate(prompt("repeat one two", limit=1))
    assert (generation.completion_tokens, generation.prompt) == (1, PromptUsage(6))
