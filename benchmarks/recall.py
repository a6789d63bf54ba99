"""What it costs to look for a forgotten turn that a question mentions, in conversations of growing length.

    python benchmarks/recall.py

Each turn is about a hundred words, drawn as in a natural language: few words often, many rarely. Half of the questions
mention an earlier turn; one in ten is a pasted page of common words, the costliest there is.
"""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median, quantiles
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from chatbot.conversation import TurnStatus
from chatbot.conversation.recall import TurnIndex
from tests.support.turns import text_turn

LENGTHS: Final = (10, 100, 2_000)
QUESTIONS: Final = 400
WORDS: Final = 20_000
REMEMBERED: Final = 5


def main() -> None:
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghijklmnoprstuv", k=chance.randint(3, 10))) for _ in range(WORDS)]
    frequency = [1 / rank for rank in range(1, WORDS + 1)]

    def text(words: int) -> str:
        return " ".join(chance.choices(vocabulary, frequency, k=words))

    print("| turns | build, ms | memory, MB | find: median, ms | p99, ms | longest, ms | offers |")
    print("|---|---|---|---|---|---|---|")
    for length in LENGTHS:
        turns = [text_turn(index, text(20), text(80), TurnStatus.COMPLETE) for index in range(length)]
        start = time.perf_counter()
        recall = TurnIndex(turns)
        built = time.perf_counter() - start
        tracemalloc.start()
        kept = TurnIndex(turns)
        memory = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del kept
        questions = []
        for number in range(QUESTIONS):
            asked = turns[chance.randrange(length)].question_text.split()
            mentioned = asked[5:8] if number % 2 else ()
            questions.append(text(170) if number % 10 == 0 else " ".join([text(8), *mentioned]))
        # A collection of all that was made above would be counted as somebody's search.
        gc.collect()
        gc.freeze()
        times, offers = [], 0
        for question in questions:
            start = time.perf_counter()
            offers += recall.find(question, range(length), turns[-REMEMBERED:]) is not None
            times.append(time.perf_counter() - start)
        columns = (built, memory / 1e9, median(times), quantiles(times, n=100)[98], max(times))
        print(f"| {length:,} | {' | '.join(f'{1000 * value:.2f}' for value in columns)} | {offers / QUESTIONS:.0%} |")


if __name__ == "__main__":
    main()
