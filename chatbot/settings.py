"""Every environment variable the application reads: typed, described, and checked once, all problems together."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chatbot.conversation.options import OPTIONS

PREFIX: Final = "CHATBOT_"

CONTROLS: Final = tuple(OPTIONS)
"""What a visitor can choose for a conversation."""

_FRAME_ANCESTOR: Final = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?", re.IGNORECASE)
"""An origin as a Content-Security-Policy names it: no path, no user, no word of the policy's own."""

SPACE_VOLUME: Final = Path("/data")
"""Where a Hugging Face Space has storage that outlives it, if it was given any."""

Check = Callable[[Mapping[str, str]], object]
"""Raises ValueError when the values, by field name, cannot be used."""


class SettingsError(Exception):
    """The configuration cannot work. ``problems`` holds one sentence for each thing to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Settings(BaseSettings):
    """What the application can be told, from the environment or from a ``.env`` file beside it.

    The environment wins over the file; an empty value counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore"
    )

    endpoint_url: str | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_URL",
        description="URL of the endpoint, as the Azure portal shows it. Not set: the built-in demo endpoint answers.",
        examples=["https://name.region.inference.ml.azure.com/score"],
    )
    endpoint_api_key: SecretStr | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_API_KEY",
        description="Key of the endpoint. Needed as soon as a URL is set.",
    )
    endpoint_api_type: Literal["dedicated", "realtime", "serverless"] | None = Field(
        None,
        validation_alias="AZUREML_ENDPOINT_API_TYPE",
        description="dedicated or serverless (realtime is the old name of dedicated). Only needed where the URL does "
        "not tell.",
        examples=["serverless"],
    )
    deployment_name: str = Field(
        "",
        validation_alias="AZUREML_DEPLOYMENT_NAME",
        description="Deployment of the endpoint to call, or the model's name behind a gateway. Foundry resources need "
        "it; elsewhere, not set, the endpoint decides.",
        examples=["blue"],
    )
    content_formatter: str | None = Field(
        None,
        validation_alias="AZUREML_CONTENT_FORMATTER",
        description="The format that the endpoint's container speaks: chat, openai, mistral, promptflow, text, gpt2, "
        "hf or dolly, see docs/chat-model.md. Not set: chat, in the form that the URL tells.",
        examples=["promptflow"],
    )
    timeout: float = Field(
        190.0,
        gt=0,
        validation_alias="AZUREML_TIMEOUT",
        description="Seconds to wait for the endpoint's first byte.",
    )

    memory_turns: int = Field(
        5,
        **OPTIONS["k"].bounds,
        description="How many earlier turns the model is sent (k). 0 sends none. Visitors may choose up to 20, or up "
        "to this where it is more.",
    )
    token_budget: int = Field(
        6000,
        ge=100,
        description="Tokens a request and its answer may have together, estimated; older turns are left out to keep "
        "within it.",
    )
    system_prompt: str = Field(
        "You are a helpful assistant.", description="What the model is told before every conversation."
    )
    temperature: float | None = Field(
        None,
        **OPTIONS["temperature"].bounds,
        description="Randomness of the answers. Not set: the model's own default.",
        examples=["0.7"],
    )
    max_tokens: int = Field(
        1024,
        **OPTIONS["max_tokens"].bounds,
        description="The longest answer, in tokens. Visitors may choose a shorter one, never a longer.",
    )
    top_p: float | None = Field(
        None,
        **OPTIONS["top_p"].bounds,
        description="Nucleus sampling. Not set: the model's own default.",
        examples=["0.9"],
    )

    deployments_file: Path | None = Field(
        None,
        description="A TOML file of further deployments to choose from, see docs/deployments.md.",
        examples=["deployments.toml"],
    )
    input_price: float | None = Field(
        None,
        ge=0,
        description="What a million tokens that the model reads cost. With both prices, answers tell their cost.",
        examples=["0.30"],
    )
    output_price: float | None = Field(
        None, ge=0, description="What a million tokens that the model writes cost.", examples=["0.61"]
    )
    currency: str = Field("$", min_length=1, max_length=8, description="What prices are told in.")

    store_url: SecretStr = Field(
        SecretStr("sqlite:///data/conversations.db"),
        description="Where conversations are kept: a SQLAlchemy URL. The folder of an SQLite file is made if missing.",
    )
    max_answers: int = Field(
        200, ge=1, description="How many answers are written at once; who asks for one more is told to come back."
    )
    title: str = Field("Azure ML Chat", min_length=1, description="Name of the application, on the page and its tab.")
    tagline: str = Field("", description="A line below the name, where a conversation begins.")
    logo: Path | None = Field(
        None,
        description="An SVG or PNG file, also shown in the tab. Not set: the project's own.",
        examples=["logo.svg"],
    )
    accent: str = Field(
        "#2563eb", pattern="^#[0-9a-fA-F]{6}$", description="The page's one colour, as in CSS: # and six digits."
    )
    prompts_file: Path | None = Field(
        None,
        description="A TOML file of example prompts for the welcome and of system prompts to choose from. Not set: "
        "assets/prompts.toml.",
        examples=["prompts.toml"],
    )
    hidden_controls: str = Field(
        "",
        description=f"What visitors do not see and cannot choose, with commas between: {', '.join(CONTROLS)}, or all.",
        examples=["system_prompt,top_p"],
    )
    locked_controls: str = Field(
        "", description="What visitors see and cannot choose, in the same words.", examples=["all"]
    )
    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 lets other machines in.")
    port: int = Field(7860, ge=0, le=65535, description="Port to listen on. 0 takes any free one.")
    frame_ancestors: str = Field(
        "self,https://huggingface.co,https://*.hf.space",
        description="Who may show the page in a frame, with commas between: self (its own site), origins such as "
        "https://www.example.com or https://*.example.com; or * for everybody, or none.",
    )
    demo_token_delay: float = Field(
        0.02, ge=0, le=5, description="Seconds the demo endpoint pauses between words. 0 is as fast as it can."
    )

    space_id: str | None = Field(
        None,
        validation_alias="SPACE_ID",
        description="Set by Hugging Face where the application runs as a Space.",
        exclude=True,
    )
    zero_gpu: bool = Field(
        False,
        validation_alias="SPACES_ZERO_GPU",
        description="Set by Hugging Face where that Space has ZeroGPU hardware.",
        exclude=True,
    )

    @property
    def keeps_conversations(self) -> bool:
        """Whether conversations outlive a restart: a Space has no disk but what is mounted at /data."""
        driver, _, file = self.store_url.get_secret_value().partition(":///")
        return not (self.space_id and driver.startswith("sqlite") and not file.startswith(f"{SPACE_VOLUME}/"))

    @property
    def is_demo(self) -> bool:
        """Whether nothing is configured that could answer, so that the demo endpoint does."""
        return self.endpoint_url is None and self.deployments_file is None

    @property
    def hidden(self) -> frozenset[str]:
        """The controls that visitors do not see."""
        return _controls(self.hidden_controls)

    @property
    def locked(self) -> frozenset[str]:
        """The controls that visitors cannot use, be they seen or not."""
        return _controls(self.locked_controls) | self.hidden

    @property
    def frame_sources(self) -> tuple[str, ...]:
        """Who may show the page in a frame, as a Content-Security-Policy writes it."""
        named = _frame_ancestors(self.frame_ancestors)
        return tuple(f"'{each}'" if each in ("self", "none") else each for each in named)

    @model_validator(mode="after")
    def _suits_a_space(self) -> Self:
        if self.space_id:
            for name, value in _space_defaults().items():
                if name not in self.model_fields_set:
                    setattr(self, name, SecretStr(value) if name == "store_url" else value)
        return self

    @field_validator("hidden_controls", "locked_controls")
    @classmethod
    def _names_controls(cls, value: str) -> str:
        if unknown := _controls(value) - set(CONTROLS):
            raise PydanticCustomError(
                "controls", f"knows no {', '.join(sorted(unknown))}; only {', '.join(CONTROLS)}, all"
            )
        return value

    @field_validator("frame_ancestors")
    @classmethod
    def _names_origins(cls, value: str) -> str:
        named = _frame_ancestors(value)
        for each in named:
            if each not in ("self", "none", "*") and not _FRAME_ANCESTOR.fullmatch(each):
                raise PydanticCustomError(
                    "origin",
                    f"{each} is no origin; write https:// and a host without a path, such as https://www.example.com "
                    "or https://*.example.com, or self, *, none",
                )
        if not named or (len(named) > 1 and {"none", "*"} & set(named)):
            raise PydanticCustomError("origin", "names origins, or * or none alone")
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PydanticCustomError("url", "is no web address; it starts with https:// and names a host")
        return value.strip()

    @field_validator("endpoint_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        key = "" if value is None else value.get_secret_value().strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise PydanticCustomError("key", "holds spaces, line breaks or other characters no key has; copy it again")
        return SecretStr(key) if key else None

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
        defaults = _space_defaults() if variable("space_id") in given else {}
        values = {name: given.get(variable(name)) or defaults.get(name) or _default(name) for name in cls.model_fields}
        for name, check in (checks or {}).items():
            if name not in faulty and values[name]:
                try:
                    check(values)
                except ValueError as error:
                    problems.append(f"{variable(name)}: {error}.")
        if problems or settings is None:
            raise SettingsError(problems)
        return settings


def environment(env_file: Path | None = Path(".env")) -> dict[str, str]:
    """Return everything that was set, by upper-case name; what is empty counts as not set."""
    in_file = dotenv_values(env_file) if env_file is not None and env_file.is_file() else {}
    return {name.upper(): value for name, value in {**in_file, **os.environ}.items() if value}


def _controls(names: str) -> frozenset[str]:
    listed = frozenset(filter(None, (name.strip() for name in names.split(","))))
    return frozenset(CONTROLS) if "all" in listed else listed


def _frame_ancestors(value: str) -> list[str]:
    """With a slash at its end, within quotes as in a policy, or in capitals, it is the same one."""
    return [each.strip("'\"").rstrip("/").lower() for each in value.replace(",", " ").split()]


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


def _space_defaults() -> dict[str, str]:
    """What is different on a Space: visitors come through a proxy, and no file belongs beside the source."""
    keeps = SPACE_VOLUME.is_dir() and os.access(SPACE_VOLUME, os.W_OK | os.X_OK)
    folder = SPACE_VOLUME if keeps else Path(tempfile.gettempdir())
    return {"host": "0.0.0.0", "store_url": f"sqlite:///{folder / 'conversations.db'}"}  # noqa: S104


def _half_an_endpoint(given: Mapping[str, str]) -> list[str]:
    """A URL without a key must never fall back to the demo endpoint without a word, nor the other way round."""
    url, key = variable("endpoint_url"), variable("endpoint_api_key")
    if url in given and key not in given:
        return [f"{key} is not set although {url} is: set it to the endpoint's key."]
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
    return f"{variable(name)}={detail['input']}: {fault}.{mend}"


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
