"""The order in which an endpoint is looked at: what makes all that follows meaningless comes first, and ends it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final

from chatbot.azureml import AzureMLError
from chatbot.doctor.checks import abilities, access, address, network
from chatbot.doctor.context import Check, Context
from chatbot.doctor.diagnosis import diagnose
from chatbot.doctor.findings import Finding, cross, tick
from chatbot.doctor.probe import Probe
from chatbot.doctor.target import Target
from chatbot.redaction import remember, url_secrets

TIMEOUT: Final = 60.0
"""Seconds until an answer begins, and of silence within one, unless told otherwise."""

COST: Final = (
    "This sends six short questions, of some 500 tokens together at most (a few models count more for the one small "
    "picture among them)."
)

QUICK_COST: Final = "This sends two short questions, of some 150 tokens together at most."

CHECKS: Final[tuple[Check, ...]] = (
    network.region,
    address.what_is_shown,
    address.kind,
    network.proxy,
    network.name,
    network.connection,
    network.tls,
    network.without_key,
    access.answer,
    access.key_headers,
    access.deployment,
    abilities.streaming,
)
"""Whether the application can chat with it."""

ABILITIES: Final[tuple[Check, ...]] = (
    abilities.parameters,
    abilities.tools,
    abilities.structured_output,
    abilities.pictures,
    abilities.context_size,
    abilities.limits,
    abilities.content_filter,
)
"""What else it can do."""


class Examination:
    """Looks at one endpoint.

    Args:
        target: The endpoint.
        timeout: Seconds until an answer begins, and of silence within one.
        spare_keys: Further keys that were given with it.
        quick: Look at no more than whether it answers.
        stop: Set to end it before the next check.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout: float = TIMEOUT,
        spare_keys: tuple[str, ...] = (),
        quick: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        for secret in (target.key.get_secret_value(), *spare_keys, *url_secrets(target.url)):
            remember(secret)
        self._context = Context(target, Probe(timeout), spare_keys)
        self._checks = CHECKS if quick else (*CHECKS, *ABILITIES)
        self._stop = stop or threading.Event()

    @property
    def target(self) -> Target:
        """The endpoint, with all that was mended so far."""
        return self._context.target

    @property
    def works(self) -> bool:
        """Whether it answers, so that the application can chat with it."""
        return self._context.works

    def findings(self) -> Iterator[Finding]:
        """Yield what is found, each as soon as it is; ends at the first cross that nothing mends."""
        for check in self._checks:
            if self._stop.is_set():
                return
            for finding in self._found_by(check):
                yield finding.redacted()
                if finding.stops:
                    return
        cost = self._context.probe.tokens
        yield tick("cost", f"It cost {cost:,} tokens, as far as the endpoint told." if cost else "It told no cost.")

    def _found_by(self, check: Check) -> Iterator[Finding]:
        try:
            yield from check(self._context)
        except (AzureMLError, ValueError, ImportError) as error:
            # A proxy that was taken away meanwhile, a token that ended: no check has to think of it.
            found = diagnose(error)
            yield cross(found.check, found.code, found.title, found.cause, advice=found.advice)
