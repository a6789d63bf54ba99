"""The orderly end: each step has its turn and its time."""

import asyncio

import pytest

from chatbot.shutdown import Step, shut_down


@pytest.fixture
def taken():
    return []


def does(taken, name):
    async def run():
        taken.append(name)

    return Step(name, run, 1)


async def never():
    await asyncio.Event().wait()


async def deaf():
    """Does not even end when it is told to."""
    while True:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            return await asyncio.sleep(0.2)


async def fails():
    raise RuntimeError("broken")


async def cancelled():
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("run", "words"),
    [(never, "longer than 0.05 seconds"), (deaf, "longer than 0.05 seconds"), (fails, "RuntimeError: broken")],
)
async def test_a_step_that_fails_or_hangs_costs_no_other_its_turn(taken, caplog, run, words):
    await shut_down(does(taken, "first"), Step("do the second", run, 0.05), does(taken, "third"))
    assert taken == ["first", "third"]
    assert f"The end did not do the second: {words}" in caplog.text.replace("it took ", "")
    assert "Traceback" not in caplog.text
    # Who is deaf ends later, and is waited for here.
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def test_a_step_that_is_cancelled_costs_no_other_its_turn(taken):
    await shut_down(Step("be", cancelled, 1), does(taken, "next"))
    assert taken == ["next"]
