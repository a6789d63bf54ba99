"""Thoughts and text in every form that servers send, whole and streamed."""

import pytest

from tests.support.asking import ask, every_way, model_of
from tests.support.completions import both

THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Two and two."}]}
SUMMARY = [{"type": "summary_text", "text": "Two and two."}]
FORMS = {
    "Mistral": {"content": [THINKING, {"type": "text", "text": "Four."}]},
    "Anthropic": {"content": [{"type": "thinking", "thinking": "Two and two."}, {"type": "text", "text": "Four."}]},
    "Redacted": {
        "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Four."}],
        "reasoning_content": "Two and two.",
    },
    "DeepSeek": {"content": "Four.", "reasoning_content": "Two and two."},
    "vLLM": {"content": "Four.", "reasoning": "Two and two.", "reasoning_content": None},
    "vLLM, an empty one before": {"content": "Four.", "reasoning_content": "", "reasoning": "Two and two."},
    "OpenRouter": {
        "content": "Four.",
        "reasoning": "Two and two.",
        "reasoning_details": [{"type": "reasoning.text", "text": "Two and two."}],
    },
    "OpenRouter, details alone": {
        "content": "Four.",
        "reasoning_details": [
            {"type": "reasoning.summary", "summary": "Two and two."},
            {"type": "reasoning.encrypted", "data": "x"},
        ],
    },
    "Responses": {"content": "Four.", "reasoning": {"effort": None, "summary": SUMMARY}},
    "Responses, a part": {
        "content": [{"type": "reasoning", "summary": SUMMARY}, {"type": "output_text", "text": "Four."}]
    },
    "LiteLLM": {"content": "Four.", "thinking_blocks": [{"type": "thinking", "thinking": "Two and two."}]},
    "parts as a field": {"content": "Four.", "reasoning_content": [{"type": "text", "text": "Two and two."}]},
    "Gemini": {"content": [{"text": "Two and two.", "thought": True}, {"text": "Four."}]},
    "several parts": {"content": [THINKING, {"type": "text", "text": "Fo"}, {"type": "text", "text": "ur."}]},
    "one part": {"content": {"type": "text", "text": "Four."}, "reasoning_content": "Two and two."},
    "unknown parts": {"content": [THINKING, {"type": "x", "y": 7}, None, 7, {"type": "text", "text": "Four."}]},
}


@every_way
@pytest.mark.parametrize("message", FORMS.values(), ids=FORMS)
async def test_thoughts_and_answer_are_read_in_every_form(server, way, message):
    server.default = both(message, message)
    answer = await ask(way, model_of(server))

    assert (answer.additional_kwargs, answer.content) == ({"reasoning_content": "Two and two."}, "Four.")


@every_way
@pytest.mark.parametrize(
    "content", [None, [], {}, 7, [[]], [{}], [{"type": "thinking"}], [{"type": "thinking", "thinking": 7}]]
)
async def test_content_that_says_nothing_is_no_answer_and_no_crash(server, way, content):
    server.default = both({"content": content}, {"content": content})
    answer = await ask(way, model_of(server))

    assert (answer.additional_kwargs, answer.content) == ({}, "")
