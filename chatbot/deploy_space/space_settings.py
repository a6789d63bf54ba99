"""What the Space is told: of the settings on this machine those that mean something there, secrets and variables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from chatbot.answer_caches import REDIS
from chatbot.config_files import DeploymentEntry, read_deployments
from chatbot.redaction import secrets_of
from chatbot.settings import Settings, SettingsError, variable
from chatbot.settings.doors import SIGNED_IN_DOORS, check_door

PORTS: Final = (80, 443, 8080)
"""Where a Space may call to."""

LOCAL: Final[Mapping[str, str]] = {
    "host": "a Space listens where Hugging Face looks for it",
    "port": "a Space listens where Hugging Face looks for it",
    "metrics_host": "a Space has one port only",
    "metrics_port": "a Space has one port only; CHATBOT_OWNER_TOKEN gives /metrics",
    "trusted_proxies": "on a Space it is Hugging Face's proxy",
}
"""Settings that say something of this machine, and what is so on a Space."""

FILES: Final = ("deployments_file", "prompts_file", "logo", "terms_file")
"""Settings that name a file, which goes along."""

IDENTITY: Final = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
"""What Microsoft's library reads to be somebody outside of Azure."""


@dataclass(frozen=True)
class SpaceSettings:
    """What a Space is told.

    Attributes:
        secrets: Values that nobody can read there again, by variable.
        variables: Values that everybody reads who sees the Space, by variable.
        left: Variables that stay here, and why.
        files: The files they name, relative to the project's folder.
        uses_identity: Whether an endpoint is shown a token of Microsoft Entra ID.
    """

    secrets: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str]
    left: Mapping[str, str]
    files: tuple[Path, ...]
    uses_identity: bool

    @property
    def door(self) -> str:
        """Who is let in."""
        return self.variables.get(variable("door"), "open")

    @property
    def store(self) -> str:
        """The database's URL; empty where the Space decides."""
        return self.secrets.get(variable("store_url"), "")


def space_settings(given: Mapping[str, str]) -> SpaceSettings:
    """Sort what is set on this machine, by variable, into what a Space is told of it and what not."""
    secrets: dict[str, str] = {}
    variables: dict[str, str] = {}
    left: dict[str, str] = {}
    files: list[Path] = []
    for name, about in Settings.model_fields.items():
        key = variable(name)
        value = given.get(key)
        if value is None or about.exclude:
            continue
        if name in LOCAL:
            left[key] = LOCAL[name]
        elif name == "store_url" and value.startswith("sqlite"):
            left[key] = "it is a file of this machine; --bucket gives a Space one that lasts"
        elif _is_secret(name, value):
            secrets[key] = value
        else:
            variables[key] = value
            if name in FILES:
                files.append(Path(value))
    entries = _entries(given)
    secrets |= {own: given[own] for entry in entries if (own := entry.api_key_variable or "") in given}
    uses_identity = given.get(variable("endpoint_auth")) == "entra" or any(entry.auth == "entra" for entry in entries)
    if uses_identity:
        for key in IDENTITY:
            if key in given:
                (secrets if any(secrets_of(key, given[key])) else variables)[key] = given[key]
    return SpaceSettings(secrets, variables, left, tuple(files), uses_identity)


def setting_problems(
    settings: SpaceSettings, given: Mapping[str, str], env_file: Path | None, root: Path, matter: Mapping[str, str]
) -> Iterator[str]:
    """Yield a sentence for each setting that cannot work, or not on a Space.

    Args:
        settings: What the Space is told.
        given: What is set on this machine, by variable.
        env_file: Where some of it stands.
        root: The project's folder.
        matter: The README's front matter.
    """
    yield from _unusable(env_file, root, given)
    for path in settings.files:
        if path.is_absolute() or ".." in path.parts or not (root / path).is_file():
            yield f"{path}, which a setting names, is no file within this folder: put it here, and name it from here."
    wanted = _extra_requirements(settings)
    requirements = (root / "requirements.txt").read_text(encoding="utf-8") if wanted else ""
    for file, package in wanted.items():
        if not re.search(rf"^{re.escape(package)}\b", requirements, re.MULTILINE | re.IGNORECASE):
            yield (
                f"requirements.txt lacks {package}, without which the Space ends at its start: copy the line of {file} "
                "into it, since a Space installs that one file only."
            )
    if settings.door == "huggingface" and matter.get("hf_oauth") != "true":
        yield (
            "README.md: CHATBOT_DOOR=huggingface needs a line hf_oauth: true in the block at its top, so that Hugging "
            "Face sets what signing in needs."
        )
    if settings.door == "proxy":
        yield "CHATBOT_DOOR=proxy: on a Space no such proxy is in front; take huggingface, oidc or password."


def _unusable(env_file: Path | None, root: Path, given: Mapping[str, str]) -> Iterator[str]:
    checks: dict[str, Callable[[Mapping[str, str]], object]] = {
        "endpoint_url": lambda values: check_reachable(values["endpoint_url"]),
        "store_url": lambda values: check_reachable(values["store_url"]),
        "deployments_file": lambda values: _check_deployments(root / values["deployments_file"], given),
    }
    if given.get(variable("door")) in ("password", "oidc"):
        checks["door"] = lambda values: check_door(values, {name: variable(name) for name in values})
    try:
        Settings.load(env_file, checks)
    except SettingsError as error:
        yield from error.problems


def check_reachable(url: str) -> None:
    """See whether a Space could call a URL.

    Raises:
        ValueError: It cannot; says why.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _default_port(parts)
    except ValueError:
        return  # Somebody else says what is wrong with it.
    if parts.scheme.startswith("sqlite") or not parts.hostname:
        return
    if _is_here(parts.hostname):
        raise ValueError(
            f"{parts.hostname} is this machine or its network, and out of a Space's reach; name one that the internet "
            "reaches"
        )
    if port not in PORTS:
        known = f"{', '.join(map(str, PORTS[:-1]))} and {PORTS[-1]}"
        raise ValueError(f"a Space calls the ports {known} only, and this is {port}; have it answer at one of them")


def _check_deployments(path: Path, given: Mapping[str, str]) -> None:
    for entry in read_deployments(path, given):
        if entry.endpoint_url is not None:
            try:
                check_reachable(entry.endpoint_url)
            except ValueError as error:
                raise ValueError(f"“{entry.name}”: {error}") from None


def _default_port(parts: SplitResult) -> int:
    return {"http": 80, "https": 443}.get(parts.scheme, 5432)


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local"))
    return not address.is_global


def _is_secret(name: str, value: str) -> bool:
    declared = "SecretStr" in str(Settings.model_fields[name].annotation)
    # Where the endpoint is and who may come in is nobody's business either.
    return declared or name in ("endpoint_url", "door_allowed") or any(secrets_of(variable(name), value))


def _entries(given: Mapping[str, str]) -> list[DeploymentEntry]:
    path = given.get(variable("deployments_file"))
    try:
        return [] if path is None else list(read_deployments(Path(path), given))
    except ValueError:
        return []  # The check of the settings says what is wrong with it.


def _extra_requirements(settings: SpaceSettings) -> dict[str, str]:
    """What has to be in requirements.txt on top, by the file whose line says so."""
    told = {**settings.secrets, **settings.variables}
    wanted = {}
    if settings.door in SIGNED_IN_DOORS:
        wanted["requirements-sign-in.txt"] = "authlib"
    if settings.uses_identity:
        wanted["requirements-entra.txt"] = "azure-identity"
    if told.get(variable("answer_cache"), "").startswith(REDIS):
        wanted["requirements-redis.txt"] = "redis"
    return wanted


def secret_values(settings: SpaceSettings, given: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in no file that is uploaded, by variable: the secrets, and those that stay here."""
    found = dict(settings.secrets)
    for key, value in given.items():
        for secret in secrets_of(key, value):
            found.setdefault(key, secret)
    return {key: value for key, value in found.items() if len(value) >= _MIN_FOUND}


_MIN_FOUND: Final = 8
"""Characters of a secret that is looked for in files: a shorter one is a word that may stand anywhere."""
