"""Whether the endpoint answers: its route, its key, its deployment. One short turn, and requests for no model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import SecretStr

from chatbot.azureml import AzureMLError
from chatbot.doctor.context import Context
from chatbot.doctor.diagnosis import DEPLOYMENT_CODES, ELSEWHERE_CODES, Diagnosis, diagnose, meaning_of
from chatbot.doctor.findings import Finding, cross, tick, warning
from chatbot.doctor.mends import candidates, first_that_answers
from chatbot.doctor.target import AUTH, KEY


def answer(context: Context) -> Iterator[Finding]:
    """Ask for a word, and where none comes find out what would bring one."""
    if context.answer is not None:
        yield tick("chat", "It answers.")
        return
    found = _ask(context)
    while found is not None:
        before = context.target
        # Nobody else is shown the key: what is tried is at the same host.
        tried = candidates(context.probe, before, found, context.spare_keys)
        helped = first_that_answers(
            context.probe, tried, further=DEPLOYMENT_CODES if found.code in ELSEWHERE_CODES else ()
        )
        if helped is None:
            lines = {AUTH: "entra", KEY: ""} if found.code == "keys-disabled" else {}
            yield cross(found.check, found.code, found.title, found.cause, advice=found.advice, lines=lines)
            return
        context.target, outcome = helped
        changes = context.target.changes_from(before)
        yield cross(found.check, found.code, found.title, found.cause, lines=changes, mended=True)
        found = outcome if isinstance(outcome, Diagnosis) else None
        context.answer = None if isinstance(outcome, Diagnosis) else outcome
    if context.answer is None:
        return
    if not context.answer.text and context.answer.response_metadata.get("finish_reason") not in ("length", None):
        reason = context.answer.response_metadata["finish_reason"]
        if reason == "content_filter":
            found = meaning_of("content-filter")
            yield cross(found.check, found.code, found.title, _filtered(context), advice=found.advice)
            return
    if not context.answer.text and not context.answer.usage_metadata:
        cause = "The answer is empty: a container whose content safety blocked it answers so."
        advice = "Look at the scoring script and its logs, or set AZUREML_CONTENT_FORMATTER to the format it speaks."
        yield cross("chat", "empty-answer", "The endpoint answers with nothing.", cause, advice=advice)
        return
    yield tick("chat", "It answers.", data={"model": context.answer.response_metadata.get("model_name", "")})


def _ask(context: Context) -> Diagnosis | None:
    """Ask for a word; return what is wrong where none comes."""
    try:
        context.answer = context.probe.turn(context.target)
    except (AzureMLError, ValueError, ImportError) as error:
        return diagnose(error)
    return None


def _filtered(context: Context) -> str:
    """Return what the content filter found in the first answer."""
    categories = context.answer.response_metadata.get("filtered_categories") if context.answer else None
    return f"It names {', '.join(categories)}." if categories else "It does not say why."


def key_headers(context: Context) -> Iterator[Finding]:
    """Find out which header the key is read from; no model answers that."""
    target = context.target
    if not context.asks_for_key and _takes_any_key(context):
        cause = "Whoever knows the address can use it, at your cost."
        yield warning("key", "no-key-needed", "The endpoint takes any key.", cause)
        return
    if target.auth == "entra":
        yield tick("key", "A token of Microsoft Entra ID is accepted.")
        return
    url, secret = target.endpoint().url, target.key.get_secret_value()
    ways = {"Authorization: Bearer": {"Authorization": f"Bearer {secret}"}, "api-key": {"api-key": secret}}
    taken = []
    for name, headers in ways.items():
        error = context.probe.empty_post(url, headers, secret)
        if error is None or error.status not in (401, 403):
            taken.append(name)
    if taken:
        yield tick("key", f"The key is accepted as {' and as '.join(taken)}.", data={"headers": taken})


def _takes_any_key(context: Context) -> bool:
    try:
        context.probe.turn(replace(context.target, key=SecretStr("any-other-key"), auth="key"))
    except (AzureMLError, ValueError):
        return False
    return True


def deployment(context: Context) -> Iterator[Finding]:
    """Tell which deployment answered."""
    target, metadata = context.target, context.answer.response_metadata if context.answer else {}
    endpoint = target.endpoint()
    model = metadata.get("model_name", "")
    called = f"; the model calls itself {model}" if model else ""
    if name := target.deployment or endpoint.deployment:
        yield tick("deployment", f"The deployment {name} answers{called}.")
    elif endpoint.routes_by_header and endpoint.body == "score":
        yield tick("deployment", f"The endpoint's own traffic split decides who answers{called}.")
    else:
        yield tick("deployment", f"No deployment has to be named{called}.")
