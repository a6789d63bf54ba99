"""A killed process: whatever it was told is written, is written."""

import asyncio
import subprocess
import sys

import pytest

WRITER = """
import asyncio, sys
from dataclasses import replace
from chatbot.conversation.parts import text_parts
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, TurnStatus
from tests.conversation.store.talk import begin

async def write():
    store, revision, index = ConversationStore(sys.argv[1]), 0, 0
    while True:
        turn, revision = await begin(store, Conversation("c1", "ada", revision), index, f"question {index}")
        assert await store.end("c1", replace(turn, answer=text_parts("a" * 2_000), status=TurnStatus.COMPLETE))
        print(index, flush=True)
        index += 1

asyncio.run(write())
"""


def written_before_it_was_killed(url, turns):
    with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
        told = [int(writer.stdout.readline()) for _ in range(turns)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines()]
    assert writer.returncode == -9
    return told


@pytest.mark.parametrize("turns", [1, 40, 150])
@pytest.mark.slow
async def test_every_turn_that_a_killed_process_was_told_is_written_is_there(store, url, turns):
    told = await asyncio.to_thread(written_before_it_was_killed, url, turns)
    written = await store.turns("c1")
    assert [t.index for t in written] == list(range(len(written)))
    assert len(written) in {len(told), len(told) + 1}
    assert all(len(t.answer_text) == 2_000 for t in written[: len(told)])
    assert [t.question_text for t in written] == [f"question {n}" for n in range(len(written))]
