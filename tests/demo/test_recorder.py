"""A conversation becomes a demo: its words, its times and what went wrong, and nothing that belongs to anybody."""

from dataclasses import replace

import pytest

from chatbot.conversation import Conversation, Failure, Notice, Options, Timing, Turn, TurnStatus
from chatbot.conversation.parts import text_parts
from chatbot.demo import record, to_yaml
from chatbot.redaction import remember

KEY = "Zk3v9QmT7xLw2RbN8sYc5DfG1hJp6KaU"
IDS = {"conversation-id-0123456789", "owner-id-0123456789", "request-id-0123456789"}
CONVERSATION = Conversation(
    "conversation-id-0123456789", "owner-id-0123456789", 4, "A title", Options(k=3, system_prompt=f"Be kind. {KEY}")
)
TIMING = Timing(ended_at=1_900_000_000.0, total=2.34, first_word=0.56)


def answered(index, question, answer, *notices):
    return Turn(
        index,
        text_parts(question),
        text_parts(answer),
        TurnStatus.COMPLETE,
        notices=notices,
        timing=TIMING,
        deployment="x",
    )


def test_words_times_options_and_faults_are_taken_and_no_ids_and_no_keys():
    remember(KEY)
    turns = [
        answered(0, "My key is " + KEY, "Noted.", Notice("endpoint_request", {"id": "request-id-0123456789"})),
        answered(1, "And?", "So.", Notice("stands_in", {"deployment": "b"}), Notice("failing", {"deployment": "a"})),
        Turn(
            2,
            text_parts("Something bad"),
            status=TurnStatus.FAILED,
            failure=Failure("ModelInvalidRequestError", {"request": "request-id-0123456789"}, blocked=True),
            timing=replace(TIMING, first_word=None),
        ),
        Turn(3, text_parts("Failed"), status=TurnStatus.FAILED, failure=Failure("ModelAPIError")),
        Turn(4, text_parts("Stopped"), text_parts("Half an"), TurnStatus.STOPPED),
    ]
    demo = record(CONVERSATION, turns)
    assert [turn.question for turn in demo.turns][1:] == ["And?", "Something bad"]
    assert (demo.title, demo.options.k) == ("A title", 3)
    first, second, third = demo.turns
    assert (first.answer, first.first_word, first.seconds) == ("Noted.", 0.6, 2.3)
    assert (second.fault, third.fault, third.blocked, third.answer) == ("server-error", "content-filter", True, "")
    text = to_yaml(demo)
    assert KEY not in text
    assert not any(each in text for each in IDS)


def test_what_cannot_become_a_demo_is_said():
    for turns, words in (
        (
            [Turn(0, text_parts("Failed"), status=TurnStatus.FAILED, failure=Failure("ModelAPIError"))],
            "nothing to record",
        ),
        ([answered(number, "Q", "A") for number in range(101)], "100 questions at most"),
        ([answered(0, "Q", "A" * 100_001)], "the answer of a demo has 100,000 characters at most"),
    ):
        with pytest.raises(ValueError, match=words):
            record(CONVERSATION, turns)
