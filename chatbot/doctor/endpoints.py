"""The endpoints that are configured, examined one after the other: for the command and for the owner's page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from chatbot.config_files import read_deployments
from chatbot.doctor import machine
from chatbot.doctor.examination import TIMEOUT, Examination
from chatbot.doctor.findings import Finding, Section
from chatbot.doctor.paste import read_key, read_paste
from chatbot.doctor.target import Target, of_entry, of_settings
from chatbot.redaction import remember
from chatbot.settings import Settings, environment

MOST_ENDPOINTS: Final = 20
"""How many are examined: each takes some seconds, and costs."""


def configured(settings: Settings) -> list[Target]:
    """Return the endpoints that the settings and their file of deployments name.

    Raises:
        ValueError: The file cannot be used; says why.
    """
    found = [of_settings(settings)]
    if settings.deployments_file is not None:
        found += [of_entry(each) for each in read_deployments(settings.deployments_file, environment())]
    targets = [each for each in found if each is not None]
    for each in targets:
        remember(each.key.get_secret_value())
    return targets[:MOST_ENDPOINTS]


def as_read(target: Target) -> tuple[Target, tuple[Finding, ...]]:
    """Return an endpoint as its settings mean it, and what is wrong with how they say it."""
    paste = read_paste(target.url)
    key, told = read_key(target.key.get_secret_value())
    remember(key)
    found = (*paste.findings, *([told] if told else []))
    deployment = target.deployment or paste.deployment
    return replace(target, url=paste.url or target.url, key=SecretStr(key), deployment=deployment), found


def title_of(target: Target) -> str:
    """Return what an endpoint is called in a report."""
    return target.name or urlsplit(target.url).hostname or "The endpoint"


def examined(settings: Settings, *, timeout: float = TIMEOUT, stop: threading.Event | None = None) -> Iterator[Section]:
    """Yield what is found on this machine, and of each endpoint; blocks for as long as they take.

    Args:
        settings: Those of the application.
        timeout: Seconds until an answer begins.
        stop: Set to end it before the next check.

    Raises:
        ValueError: The file of deployments cannot be used; says why.
    """
    yield Section("This machine", tuple(machine.findings(settings)))
    for target in configured(settings):
        if stop is not None and stop.is_set():
            return
        read, found = as_read(target)
        if not any(each.stops for each in found):
            found += tuple(Examination(read, timeout=timeout, stop=stop).findings())
        found = tuple(each.redacted() for each in found)
        # Lines of .env are the settings' own endpoint's: what a file says is mended in the file.
        shown = found if not target.name else tuple(replace(each, lines={}) for each in found)
        yield Section(title_of(target), shown)
