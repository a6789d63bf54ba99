"""Hypothesis strategies for what questions and answers are made of."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.parts import (
    Blob,
    Citation,
    File,
    Image,
    NonStandard,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from chatbot.conversation.store import StoredTurn

DATA = {
    blob_of(held, mime_type): held
    for held, mime_type in (
        (b"", "text/plain"),
        (b"\x89PNG\0" * 9, "image/png"),
        (bytes(range(256)) * 900, "audio/wav"),
    )
}
"""Bytes by reference; the last take more than one piece of an export."""

BLOBS: st.SearchStrategy[Blob] = st.sampled_from(list(DATA))
WORDS = st.text(max_size=6)
SOME = st.text(min_size=1, max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=2)
OTHERS = st.builds(lambda value: NonStandard({"type": "non_standard", "value": value}), OBJECTS)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, SOME),
    st.builds(Reasoning, SOME),
    st.builds(Image, BLOBS.filter(lambda blob: blob.mime_type.startswith("image/")), WORDS),
    st.builds(File, BLOBS, WORDS),
    st.builds(ToolCall, SOME, WORDS, OBJECTS),
    st.builds(ToolResult, SOME, WORDS, st.booleans()),
    st.builds(Citation, WORDS, WORDS, WORDS),
    OTHERS,
)
ALL_PARTS = st.lists(PARTS, max_size=6).map(tuple)


def with_parts(stored: list[StoredTurn], parts: list[tuple[Part, ...]]) -> list[StoredTurn]:
    """Give each turn a question and an answer of these parts, where there are enough of them."""
    given = iter(parts)
    return [replace(each, turn=replace(each.turn, question=next(given, ()), answer=next(given, ()))) for each in stored]
