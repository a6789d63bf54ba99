"""What is told in files, because it is too much for a variable: further deployments, and prompts to choose from.

Both are TOML. Every problem is a sentence that names the file and the place; keys are never in a file, only the name
of the variable that holds one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from chatbot import HOME
from chatbot.conversation.context.learned import LEAST_CONTEXT
from chatbot.conversation.options import OPTIONS
from chatbot.redaction import without_keys

PROMPTS: Final = HOME / "assets" / "prompts.toml"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_File = TypeVar("_File", bound=_Entry)


class DeploymentEntry(_Entry):
    """A deployment that visitors can choose: an Azure ML endpoint, or any chat model LangChain can make.

    What is not told here is as the settings say.

    Attributes:
        name: What people call it.
        endpoint_url: URL of the endpoint.
        model: Instead of it, a model as ``langchain.chat_models.init_chat_model`` takes it, for instance
            ``openai:gpt-5-mini``; the package it needs must be installed.
        model_arguments: Further arguments for ``init_chat_model``.
        auth: ``entra`` shows the endpoint a token of Microsoft Entra ID instead of a key.
        api_key_variable: The environment variable (or line of ``.env``) that holds the key.
        api_key: The key; read from that variable.
        fallback: Names of the deployments that stand in for it.
        vision: Whether it reads pictures.
        context_size: Tokens that it reads and writes together at most.
        timeout: Seconds until the first word of an answer.
        silence_timeout: Seconds of silence within an answer.
        answer_timeout: Seconds for an answer in all.
        allowed: Names of people and groups who may use it; without any it is for everybody.
    """

    name: str = Field(min_length=1, max_length=60)
    endpoint_url: str | None = Field(None, repr=False)
    endpoint_api_type: Literal["dedicated", "realtime", "serverless"] | None = None
    deployment_name: str = ""
    content_formatter: str | None = None
    timeout: float | None = Field(None, gt=0)
    silence_timeout: float | None = Field(None, gt=0)
    answer_timeout: float | None = Field(None, gt=0)
    fallback: tuple[str, ...] = ()
    vision: bool = True
    context_size: int | None = Field(None, ge=LEAST_CONTEXT)
    model: str | None = None
    model_arguments: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    auth: Literal["key", "entra"] = "key"
    api_key_variable: str | None = None
    api_key: SecretStr | None = Field(None, exclude=True)
    system_prompt: str | None = None
    temperature: float | None = Field(None, **OPTIONS["temperature"].bounds)
    max_tokens: int | None = Field(None, **OPTIONS["max_tokens"].bounds)
    top_p: float | None = Field(None, **OPTIONS["top_p"].bounds)
    memory_turns: int | None = Field(None, **OPTIONS["k"].bounds)
    token_budget: int | None = Field(None, **OPTIONS["token_budget"].bounds)
    input_price: float | None = Field(None, ge=0)
    output_price: float | None = Field(None, ge=0)
    allowed: frozenset[str] = Field(frozenset(), min_length=1)

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.endpoint_url is None) == (self.model is None):
            raise PydanticCustomError("one", "needs either an endpoint_url or a model, and not both")
        if self.auth == "entra":
            if self.endpoint_url is None:
                raise PydanticCustomError("auth", "cannot have auth = entra, which is for an endpoint_url")
            if self.api_key_variable is not None:
                raise PydanticCustomError("auth", "has auth = entra and an api_key_variable: no key goes with a token")
        elif self.endpoint_url is not None and self.api_key_variable is None:
            raise PydanticCustomError(
                "key", "needs an api_key_variable, the name of the variable that holds its key, or auth = entra"
            )
        return self


class _Deployments(_Entry):
    deployment: list[DeploymentEntry] = Field(min_length=1)


class ExampleText(_Entry):
    """What a prompt to begin with says in another language."""

    label: str = Field(min_length=1, max_length=60)
    prompt: str = Field(min_length=1)


class Example(ExampleText):
    """A prompt to begin with.

    Attributes:
        label: What the card says.
        prompt: What is sent.
        icon: Name of one of the page's icons.
        demo: Whether it is offered only while the built-in demo endpoint answers, or only while another one does; None
            is always.
        translations: What it says in other languages, by their codes.
    """

    icon: str = "spark"
    demo: bool | None = None
    translations: Mapping[Literal["en", "zh", "fr", "ko", "es"], ExampleText] = Field(default_factory=dict)


class Preset(_Entry):
    """A system prompt to choose by its name."""

    name: str = Field(min_length=1, max_length=60)
    system_prompt: str = Field(**OPTIONS["system_prompt"].bounds)


class Prompts(_Entry):
    """What the page offers to begin with, and to choose from."""

    example: list[Example] = Field(default_factory=list)
    preset: list[Preset] = Field(default_factory=list)


def read_deployments(path: Path, environment: Mapping[str, str]) -> list[DeploymentEntry]:
    """Return the deployments of a file, each with its key.

    Args:
        path: The file.
        environment: Variables that may hold keys.

    Raises:
        ValueError: The file cannot be used; says why and where.
    """
    entries = _read(path, _Deployments).deployment
    names = [entry.name for entry in entries]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path}: two deployments are called “{twice}”; each needs a name of its own")
    return [_with_key(entry, path, environment) for entry in entries]


def read_prompts(path: Path) -> Prompts:
    """Return the prompts of a file; raises as :func:`read_deployments` does."""
    return _read(path, Prompts)


def _with_key(entry: DeploymentEntry, path: Path, environment: Mapping[str, str]) -> DeploymentEntry:
    if entry.api_key_variable is None:
        return entry
    if without_keys(entry.api_key_variable.replace("_", " ")) != entry.api_key_variable.replace("_", " "):
        # Nobody but its author may read what stands there.
        raise ValueError(
            f"{path}: api_key_variable of “{entry.name}” seems to be the key itself; put the key into a variable, and "
            "the variable's name here"
        )
    key = environment.get(entry.api_key_variable.upper(), "").strip()
    if not key:
        raise ValueError(f"{path}: {entry.api_key_variable}, the key of “{entry.name}”, is not set")
    return entry.model_copy(update={"api_key": SecretStr(key)})


def _read(path: Path, kind: type[_File]) -> _File:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no TOML file in UTF-8: {error}") from None
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(f"{part + 1}" if isinstance(part, int) else str(part) for part in first["loc"])
        fault = first["msg"][0].lower() + first["msg"][1:]
        raise ValueError(f"{path}: {place or 'the file'}: {fault}") from None
