from typing import Any

import pytest

from chatbot.emulator.model.demo_model import answer

PNG = "data:image/png;base64,iVBORw0KGgo="


def answer_to(*parts: dict[str, Any]) -> str:
    return answer([{"role": "user", "content": list(parts)}])


@pytest.mark.parametrize(
    ("part", "about"),
    [
        ({"type": "image_url", "image_url": {"url": PNG}}, "an image of type image/png, 8 bytes"),
        ({"type": "image_url", "image_url": PNG}, "an image of type image/png, 8 bytes"),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png?key=1"}}, "an image at example.com"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAA"}}, "an image of type image/png."),
        ({"type": "image_url", "image_url": {}}, "an image without content"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "audio of type audio/wav, 3 bytes"),
        ({"type": "audio_url", "audio_url": {"url": "https://example.com/a.wav"}}, "audio at example.com"),
        ({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}, "a video at example.com"),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            "a file named a.pdf of type application/pdf, 3 bytes",
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, "a file named file-1"),
        ({"type": "file", "file": None}, "a file without content"),
    ],
)
def test_it_says_what_it_was_sent_and_that_it_cannot_look(part: dict[str, Any], about: str) -> None:
    text = answer_to({"type": "text", "text": "What is this?"}, part)
    assert text.startswith(f"I was sent {about}")
    assert "I cannot look into it" in text


def test_the_text_beside_it_is_answered_too() -> None:
    text = answer_to({"type": "text", "text": "repeat after me: hi"}, {"type": "image_url", "image_url": {"url": PNG}})
    assert text.endswith("\n\nhi")


def test_several_are_all_mentioned() -> None:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    assert answer_to(image, image).count("an image of type image/png") == 2


def test_what_a_tool_returned_may_be_an_image() -> None:
    text = answer(
        [
            {"role": "user", "content": "get an image"},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "draw"}}]},
            {"role": "tool", "tool_call_id": "1", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
        ]
    )
    assert "an image of type image/png" in text
    assert "The tool `draw` returned: nothing" in text


def test_results_of_several_tools() -> None:
    calls = [{"id": name, "function": {"name": name}} for name in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": name, "content": f"result {name}"} for name in ("a", "b", "c")]
    text = answer([{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": calls}, *results])
    assert text == (
        "The tool `a` returned: result a\n\nThe tool `b` returned: result b\n\nThe tool `unknown` returned: result c"
    )
