"""Every environment variable the application reads: typed, described, and checked once, all problems together.

The variables of one concern stand in one module each; a class that inherits them all is what is loaded.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsConfigDict

from chatbot.redaction import keys_in, url_secrets, without_keys
from chatbot.settings.answer_cache import AnswerCacheSettings
from chatbot.settings.api import ApiSettings
from chatbot.settings.demo import DemoSettings
from chatbot.settings.doors import DoorSettings
from chatbot.settings.endpoint import EndpointSettings
from chatbot.settings.house_rules import HouseRuleSettings
from chatbot.settings.limits import LimitSettings
from chatbot.settings.model import ModelSettings
from chatbot.settings.observability import ObservabilitySettings
from chatbot.settings.owner import OwnerSettings
from chatbot.settings.page import CONTROLS, PageSettings
from chatbot.settings.secrecy import SecrecySettings
from chatbot.settings.server import ServerSettings, space_defaults
from chatbot.settings.times import TimeSettings
from chatbot.settings.usage import UsageSettings

__all__ = ["CONTROLS", "PREFIX", "Check", "Settings", "SettingsError", "environment", "variable"]

PREFIX: Final = "CHATBOT_"

Check = Callable[[Mapping[str, str]], object]
"""Raises ValueError when the values, by field name, cannot be used."""


class SettingsError(Exception):
    """The configuration cannot work. ``problems`` holds one sentence for each thing to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


# In the reverse of the order in which they are listed: pydantic begins with the last.
class Settings(
    DemoSettings,
    ApiSettings,
    HouseRuleSettings,
    DoorSettings,
    AnswerCacheSettings,
    UsageSettings,
    SecrecySettings,
    OwnerSettings,
    ObservabilitySettings,
    LimitSettings,
    TimeSettings,
    ServerSettings,
    PageSettings,
    ModelSettings,
    EndpointSettings,
):
    """What the application can be told, from the environment or from a ``.env`` file beside it.

    The environment wins over the file; an empty value counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )

    @property
    def is_demo(self) -> bool:
        """Whether nothing is configured that could answer, so that the demo endpoint does."""
        return self.endpoint_url is None and self.deployments_file is None

    @property
    def names_host(self) -> bool:
        """Whether an endpoint without a name is called by its host: a public page tells nobody where it is."""
        return self.is_local if self.show_endpoint_errors is None else self.show_endpoint_errors

    @property
    def is_local(self) -> bool:
        """Whether it listens on this machine alone."""
        return is_loopback(self.host)

    @property
    def secrets(self) -> Iterator[str]:
        """All that is secret in them: values that say so, and what URLs hold of passwords and keys."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            secret = value.get_secret_value() if isinstance(value, SecretStr) else ""
            if secret and "://" not in secret:
                yield secret
            elif secret or isinstance(value, str):
                yield from url_secrets(secret or value)

    @classmethod
    def load(cls, env_file: Path | None = Path(".env"), checks: Mapping[str, Check] | None = None) -> Self:
        """Read the environment and ``env_file``, if there is one.

        Args:
            env_file: A file of ``NAME=value`` lines; the environment wins over it.
            checks: For a field's name, what else its value must pass: a function of all values as they were given,
                by field name, that raises ValueError. So whoever uses a value decides whether it is usable, and
                its complaint is reported with the others.

        Raises:
            SettingsError: Something cannot work; every problem is named, with its variable and the mend.
        """
        given = environment(env_file)
        problems = _unknown_names(given) + _half_an_endpoint(given)
        faulty: set[str] = set()
        settings: Self | None = None
        try:
            settings = cls(_env_file=env_file)
        except ValidationError as error:
            problems += [_sentence(detail) for detail in error.errors()]
            faulty = {_field(detail) for detail in error.errors()}
        defaults = space_defaults() if variable("space_id") in given else {}
        values = {name: given.get(variable(name)) or defaults.get(name) or _default(name) for name in cls.model_fields}
        for name, check in (checks or {}).items():
            if name not in faulty and values[name]:
                try:
                    check(values)
                except ValueError as error:
                    problems.append(f"{variable(name)}: {_without_values(str(error), values)}.")
        if problems or settings is None:
            raise SettingsError(problems)
        return settings


def settings_of_command() -> Settings | None:
    """Return the settings for a command beside the application; None where they cannot be used, which is then said."""
    try:
        return Settings.load()
    except SettingsError as error:
        print("The settings cannot be used:", *error.problems, sep="\n  - ", file=sys.stderr)
        return None


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, and nobody else's business."""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def environment(env_file: Path | None = Path(".env")) -> dict[str, str]:
    """Return everything that was set, by upper-case name; what is empty counts as not set."""
    in_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    return {name.upper(): value for name, value in {**in_file, **os.environ}.items() if value}


def variable(name: str) -> str:
    """Return the environment variable that sets the field ``name`` of :class:`Settings`."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else (PREFIX + name).upper()


def _variables() -> dict[str, str]:
    return {variable(name): name for name in Settings.model_fields}


def _unknown_names(given: Mapping[str, str]) -> list[str]:
    """A misspelled setting would silently be none at all."""
    known = list(_variables())
    problems = []
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            mend = f"did you mean {close[0]}?" if close else "remove it, or look in .env.example for the right name."
            problems.append(f"{name} is no setting of this application: {mend}")
    return problems


def _half_an_endpoint(given: Mapping[str, str]) -> list[str]:
    """A URL without a key must never fall back to the demo endpoint without a word, nor the other way round."""
    url, key, auth = variable("endpoint_url"), variable("endpoint_api_key"), variable("endpoint_auth")
    if given.get(auth) == "entra":
        if key in given:
            return [f"{key} is set although {auth} is entra: unset one of them, for no key goes with a token."]
        if url not in given:
            return [f"{url} is not set although {auth} is entra: set it, or unset {auth} to use the demo endpoint."]
    elif url in given and key not in given:
        return [f"{key} is not set although {url} is: set it to the endpoint's key, or set {auth} to entra."]
    if key in given and url not in given:
        return [f"{url} is not set although {key} is: set it, or unset the key to use the demo endpoint."]
    return []


def _sentence(detail: ErrorDetails) -> str:
    """``VARIABLE=value: what is wrong with it, and what would be right``; a secret's value is never repeated."""
    name = _field(detail)
    fault = detail["msg"][0].lower() + detail["msg"][1:]
    if _is_secret(name):
        return f"{variable(name)}: {fault}."
    default = _default(name)
    mend = f" Without it, {default} is used." if default else ""
    return f"{variable(name)}={without_keys(str(detail['input']))}: {without_keys(fault)}.{mend}"


def _without_values(text: str, values: Mapping[str, str]) -> str:
    """A check's complaint, in which no value is repeated that may be a key: it may stand in the wrong variable."""
    for key in sorted((key for value in values.values() for key in keys_in(value)), key=len, reverse=True):
        text = text.replace(key, "***")
    return text


def _field(detail: ErrorDetails) -> str:
    location = str(detail["loc"][0])
    return _variables().get(location, location)


def _is_secret(name: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    return "" if default is None else str(default)
