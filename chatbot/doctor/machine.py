"""What is around the endpoint: settings, the store, limits, doors, packages, and a Space. No endpoint is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from chatbot import install_command, is_installed
from chatbot.answer_caches import REDIS
from chatbot.conversation import ConversationStore
from chatbot.doctor.findings import Finding, cross, tick, warning
from chatbot.settings import Settings, SettingsError, variable
from chatbot.settings.doors import SIGNED_IN_DOORS
from chatbot.settings.limits import RATES

STORE_SECONDS: Final = 15.0


def load() -> tuple[Settings | None, tuple[Finding, ...]]:
    """Return the settings, and what is wrong with them."""
    try:
        return Settings.load(), ()
    except SettingsError as error:
        return None, tuple(cross("settings", "settings", each).redacted() for each in error.problems)


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield what is found on this machine with these settings."""
    for check in (_store, _doors, _limits, _extras, _space):
        for each in check(settings):
            yield each.redacted()


def _store(settings: Settings) -> Iterator[Finding]:
    url = settings.store_url.get_secret_value()
    kind = url.partition(":")[0].partition("+")[0]
    try:
        asyncio.run(asyncio.wait_for(ConversationStore(url).check(), STORE_SECONDS))
    except (ValueError, TimeoutError) as error:
        why = str(error) or f"It did not answer within {STORE_SECONDS:g} seconds."
        advice = f"Set {variable('store_url')} to a database that can be reached and written to."
        yield cross("store", "store", "The conversations' database cannot be used.", why, advice=advice)
        return
    if settings.keeps_conversations:
        yield tick("store", f"Conversations are kept ({kind}).")
    else:
        cause = "A Space without storage at /data forgets its disk with every restart."
        yield warning("store", "store-forgets", "Conversations end with the next restart.", cause)


def _doors(settings: Settings) -> Iterator[Finding]:
    is_public = not settings.is_local
    if settings.door != "open":
        yield tick("door", f"The door {settings.door} decides who comes in.")
    elif is_public and not settings.is_demo:
        cause = f"It listens on {settings.host}, and whoever reaches it asks your endpoint."
        advice = "Set CHATBOT_DOOR, see docs/operating.md."
        yield warning("door", "open-door", "Everybody is let in.", cause, advice=advice)
    else:
        yield tick("door", "Everybody is let in" + ("; it listens on this machine alone." if not is_public else "."))


_LIMITS: Final = (*RATES, "daily_tokens", "daily_budget")


def _limits(settings: Settings) -> Iterator[Finding]:
    told = {variable(name): getattr(settings, name) for name in _LIMITS if getattr(settings, name)}
    if told:
        yield tick("limits", "Limits: " + ", ".join(f"{name}={value}" for name, value in told.items()) + ".")
    elif settings.is_local or settings.is_demo:
        yield tick("limits", "There are no limits; none are needed here.")
    else:
        cause = "One visitor can spend what the endpoint costs."
        lines = {variable("visitor_messages"): "20/hour,100/day", variable("daily_tokens"): "1000000"}
        yield warning("limits", "no-limits", "There are no limits.", cause, lines=lines)


_EXTRAS: Final = {
    "entra": ("azure.identity", "signing in to endpoints with Microsoft Entra ID"),
    "sign-in": ("authlib", "the doors oidc and huggingface"),
    "redis": ("redis", "an answer cache in Redis"),
    "tracing": ("opentelemetry.sdk", "traces"),
}


def _extras(settings: Settings) -> Iterator[Finding]:
    needed = {
        "entra": settings.endpoint_auth == "entra",
        "sign-in": settings.door in SIGNED_IN_DOORS,
        "redis": bool(settings.answer_cache and settings.answer_cache.get_secret_value().startswith(REDIS)),
    }
    there = []
    for name, (module, what) in _EXTRAS.items():
        if is_installed(module):
            there.append(name)
        elif needed.get(name):
            advice = f"{install_command(name)} installs it."
            yield cross("extras", "package-missing", f"A package for {what} is not installed.", advice=advice)
    yield tick("extras", f"Installed extras: {', '.join(there) or 'none; none is needed'}.")


def _space(settings: Settings) -> Iterator[Finding]:
    if not settings.space_id:
        yield tick("space", "This is no Hugging Face Space.")
    elif settings.is_demo:
        cause = "A Space has its endpoint's URL and key among its variables and secrets."
        yield warning("space", "space-demo", f"The Space {settings.space_id} answers from the demo.", cause)
    else:
        yield tick("space", f"The Space {settings.space_id} answers from an endpoint of its own.")
