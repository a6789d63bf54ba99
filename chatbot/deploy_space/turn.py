"""One real turn with an application that runs somewhere: what was answered, and how soon."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chatbot.deploy_space.errors import DeployError
from chatbot.redaction import redact

if TYPE_CHECKING:
    from gradio_client.client import Job

QUESTION: Final = "Say hello in one short sentence."
CONNECT_SECONDS: Final = 60
"""How long the page may take: a Space that slept is waking up."""
ANSWER_SECONDS: Final = 240
LOOK_SECONDS: Final = 0.05
"""How often it is looked whether the first word is there."""


@dataclass(frozen=True)
class Turn:
    """What came of a question.

    Attributes:
        answer: What was answered.
        first_word: Seconds until the first word.
        whole: Seconds until the last one.
    """

    answer: str
    first_word: float
    whole: float


def ask(url: str, token: str | None = None, *, seconds: float = ANSWER_SECONDS) -> Turn:
    """Ask an application one question.

    Args:
        url: Where its page is.
        token: What a private Space is shown.
        seconds: How long the answer may take.

    Raises:
        DeployError: The page does not answer, or the question was not answered; says which, in the application's words.
    """
    # It takes a second to import, and is needed by those only who ask.
    from gradio_client import Client

    try:
        client = Client(
            url,
            token=token,
            verbose=False,
            download_files=False,
            analytics_enabled=False,
            httpx_kwargs={"timeout": CONNECT_SECONDS},
        )
    except Exception as error:  # noqa: BLE001 - whatever its HTTP library and its parsers raise
        raise DeployError(f"The page at {url} does not answer ({_words(error)}).") from None
    try:
        return _answered(client.submit(QUESTION, api_name="/chat"), seconds)
    except TimeoutError:
        raise DeployError(f"The page at {url} is there, but its answer did not end within {seconds:g} s.") from None
    except (Exception, CancelledError) as error:  # noqa: BLE001 - the application's refusal, or a broken connection
        raise DeployError(f"The page at {url} is there, but it did not answer the question: {_words(error)}") from None
    finally:
        client.close()


def _answered(job: Job, seconds: float) -> Turn:
    began = time.monotonic()
    first: float | None = None
    while not job.done():
        if first is None and any(job.outputs()):
            first = time.monotonic() - began
        if time.monotonic() > began + seconds:
            job.cancel()
            raise TimeoutError
        time.sleep(LOOK_SECONDS)
    answer = job.result()
    whole = time.monotonic() - began
    if not isinstance(answer, str) or not answer.strip():
        raise ValueError("the answer is empty")
    return Turn(answer, whole if first is None else first, whole)


def _words(error: BaseException) -> str:
    """What an error says, in one line and without a secret."""
    said = " ".join(str(error).split()) or type(error).__name__
    return redact(said[:_MOST_WORDS])


_MOST_WORDS: Final = 500
