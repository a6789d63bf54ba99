"""Hugging Face, as far as a deployment needs it: what it is asked, and what to do about its refusals."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    SpaceRuntime,
    Volume,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from chatbot.deploy_space.errors import DeployError
from chatbot.redaction import redact, remember
from chatbot.settings import variable

SPACE: Final = "space"
ZERO_GPU: Final = "zero-a10g"
CPU_BASIC: Final = "cpu-basic"
MOUNT: Final = "/data"
KEPT: Final = frozenset({".gitattributes"})
"""What Hugging Face puts into a repository, and needs there."""


@dataclass(frozen=True)
class Account:
    """Whose token it is.

    Attributes:
        name: Their name.
        is_paid: Whether they have a paid plan.
        may_write: Whether the token lets its holder change anything; a fine-grained one says so only when it is used.
        organizations: The organisations they are in.
    """

    name: str
    is_paid: bool
    may_write: bool
    organizations: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A Space that is there.

    Attributes:
        revision: The commit that its repository is at.
        visibility: ``public``, ``private`` or ``protected``.
        address: Where its page is.
        hardware: What it runs on; None where it never ran.
        volumes: What is mounted, as Hugging Face's client has it.
        variables: Its variables.
        secrets: The names of its secrets.
    """

    revision: str
    visibility: str
    address: str
    hardware: str | None
    volumes: Sequence[Volume]
    variables: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = frozenset()

    @property
    def bucket(self) -> str | None:
        """The bucket that is mounted for the conversations."""
        return next((each.source for each in self.volumes if each.type == "bucket" and each.mount_path == MOUNT), None)

    @property
    def door(self) -> str:
        """Who is let in."""
        return self.variables.get(variable("door"), "open")

    @property
    def lets_programs_in(self) -> bool:
        """Whether a question is answered without somebody who signs in or accepts terms."""
        return self.door == "open" and not self.tells("terms_file")

    @property
    def has_endpoint(self) -> bool:
        """Whether anything but the demo endpoint answers."""
        return self.tells("endpoint_url") or self.tells("deployments_file")

    def tells(self, setting: str) -> bool:
        """Say whether a field of our settings is set there."""
        return variable(setting) in self.secrets | self.variables.keys()


@dataclass(frozen=True)
class Revision:
    """A commit of a Space: its id and its title."""

    id: str
    title: str


class Hub:
    """Hugging Face's API for the holder of a token. Every method raises :class:`DeployError` where it is refused.

    Args:
        endpoint: Where it is, without a slash at the end; the public one where HF_ENDPOINT names none.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._api = HfApi(endpoint=endpoint or os.environ.get("HF_ENDPOINT") or None)
        self.endpoint = self._api.endpoint
        self.token = get_token()
        if self.token:
            remember(self.token)

    def account(self) -> Account:
        """Return whose token it is."""
        with self._told("say who you are"):
            told = self._api.whoami()
        role = told.get("auth", {}).get("accessToken", {}).get("role", "")
        names = tuple(str(each["name"]) for each in told.get("orgs", ()))
        return Account(str(told["name"]), bool(told.get("isPro")), role != "read", names)

    def find(self, repo_id: str) -> Found | None:
        """Return the Space of that name, or None where there is none that the token sees."""
        with self._told(f"look at {repo_id}"):
            try:
                info = self._api.space_info(repo_id)
            except RepositoryNotFoundError:
                return None
            variables = self._api.get_space_variables(repo_id)
            secrets = self._api.get_space_secrets(repo_id)
            runtime = self._api.get_space_runtime(repo_id)
        hardware = runtime.hardware or runtime.requested_hardware
        # Its client has no field for it yet, and takes what it does not know as it comes.
        visibility = getattr(info, "visibility", None) or ("private" if info.private else "public")
        return Found(
            revision=info.sha or "",
            visibility=str(visibility),
            address=(info.host or "").rstrip("/"),
            hardware=None if hardware is None else str(getattr(hardware, "value", hardware)),
            volumes=tuple(runtime.volumes or ()),
            variables={name: each.value for name, each in variables.items()},
            secrets=frozenset(secrets),
        )

    def create(
        self,
        repo_id: str,
        *,
        visibility: str,
        hardware: str,
        secrets: Mapping[str, str],
        variables: Mapping[str, str],
        bucket: str | None,
    ) -> None:
        """Create a Space with all it is told, so that it knows it when it is first built."""
        volumes = None if bucket is None else [_volume(bucket)]
        chosen: Any = {"visibility": visibility, "space_hardware": hardware}
        with self._told(f"create the Space {repo_id} on {hardware}"):
            self._api.create_repo(
                repo_id,
                repo_type=SPACE,
                space_sdk="gradio",
                space_secrets=_listed(secrets),
                space_variables=_listed(variables),
                space_volumes=volumes,
                **chosen,
            )

    def make_bucket(self, bucket: str) -> None:
        """Create a private bucket, if there is none of that name."""
        with self._told(f"create the bucket {bucket}"):
            self._api.create_bucket(bucket, visibility="private", exist_ok=True)

    def mount(self, repo_id: str, bucket: str, volumes: Iterable[Volume]) -> None:
        """Mount a bucket for the conversations, beside what is mounted elsewhere."""
        others = [each for each in volumes if each.mount_path != MOUNT]
        with self._told(f"mount the bucket {bucket}"):
            self._api.set_space_volumes(repo_id, [*others, _volume(bucket)])

    def set_visibility(self, repo_id: str, visibility: str) -> None:
        """Say who sees the Space and its source."""
        chosen: Any = {"visibility": visibility}
        with self._told(f"make the Space {visibility}"):
            self._api.update_repo_settings(repo_id, repo_type=SPACE, **chosen)

    def set_hardware(self, repo_id: str, hardware: str) -> None:
        """Say what the Space runs on."""
        chosen: Any = hardware
        with self._told(f"get {hardware}"):
            self._api.request_space_hardware(repo_id, chosen)

    def set_settings(
        self, repo_id: str, found: Found, secrets: Mapping[str, str], variables: Mapping[str, str]
    ) -> None:
        """Set secrets and variables. What has changed from one to the other is first taken away where it was.

        Hugging Face refuses to start a Space in which both have the same name.
        """
        with self._told("set secrets and variables"):
            for name in sorted(found.variables.keys() & secrets.keys()):
                self._api.delete_space_variable(repo_id, name)
            for name in sorted(found.secrets & variables.keys()):
                self._api.delete_space_secret(repo_id, name)
            for name, value in secrets.items():
                self._api.add_space_secret(repo_id, name, value)
            for name, value in variables.items():
                if found.variables.get(name) != value:
                    self._api.add_space_variable(repo_id, name, value)

    def upload(self, repo_id: str, root: Path, files: Sequence[Path], parent: str, title: str) -> str:
        """Make the Space's files these and no other, in one commit; return the commit.

        Args:
            repo_id: The Space.
            root: The folder of the files.
            files: Their paths, relative to it.
            parent: The commit that it is at; another one meanwhile is somebody else's, and is not undone.
            title: The commit's.
        """
        names = {path.as_posix() for path in files}
        with self._told("upload the files"):
            gone = [path for path in self._files(repo_id, parent) if path not in names | KEPT]
            operations = [
                *(CommitOperationAdd(path.as_posix(), str(root / path)) for path in files),
                *(CommitOperationDelete(path) for path in gone),
            ]
            return self._commit(repo_id, operations, parent, title)

    def revisions(self, repo_id: str) -> list[Revision]:
        """Return its commits, the newest first."""
        with self._told(f"list what {repo_id} was before"):
            commits = self._api.list_repo_commits(repo_id, repo_type=SPACE)
        return [Revision(each.commit_id, each.title) for each in commits]

    def has_application(self, repo_id: str, revision: str) -> bool:
        """Say whether there was something to run at a revision."""
        with self._told(f"look at revision {revision[:8]}"):
            return "app.py" in self._files(repo_id, revision)

    def restore(self, repo_id: str, revision: str, parent: str, title: str) -> str:
        """Make the Space's files what they were at a revision, in one commit on top; return the commit."""
        with self._told(f"bring back revision {revision[:8]}"):
            wanted, there = self._files(repo_id, revision), self._files(repo_id, parent)
            operations = [
                *(
                    CommitOperationCopy(path, path, src_revision=revision)
                    for path, blob in wanted.items()
                    if there.get(path) != blob
                ),
                *(CommitOperationDelete(path) for path in there.keys() - wanted.keys()),
            ]
            return self._commit(repo_id, operations, parent, title)

    def runtime(self, repo_id: str) -> SpaceRuntime:
        """Return what becomes of the Space."""
        with self._told(f"say what becomes of {repo_id}"):
            return self._api.get_space_runtime(repo_id)

    def restart(self, repo_id: str) -> None:
        """Start a Space that was paused, sleeps or has ended."""
        with self._told(f"restart {repo_id}"):
            self._api.restart_space(repo_id)

    def log(self, repo_id: str, *, build: bool, most: int) -> list[str]:
        """Return the last lines of what a Space wrote, or its build did; nothing where they cannot be had."""
        try:
            with self._told("show its log"):
                # More than anybody reads, and an end where a stream has none.
                told = list(islice(self._api.fetch_space_logs(repo_id, build=build), _MOST_LINES))
        except DeployError:
            return []
        lines = [line for each in told for line in each.rstrip("\n").split("\n") if line.strip()]
        return [redact(line) for line in lines[-most:]]

    def _files(self, repo_id: str, revision: str) -> dict[str, str]:
        """The paths of a revision's files, and what they hold, as Git names it."""
        tree = self._api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=SPACE)
        return {each.path: each.blob_id for each in tree if isinstance(each, RepoFile)}

    def _commit(self, repo_id: str, operations: Sequence[Any], parent: str, title: str) -> str:
        if not operations:
            return parent
        made = self._api.create_commit(repo_id, operations, commit_message=title, repo_type=SPACE, parent_commit=parent)
        return str(made.oid)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Let a refusal be a sentence to act on.

        Args:
            what: What is refused, so that "Hugging Face refuses to" may stand before it.
        """
        try:
            yield
        except LocalTokenNotFoundError:
            raise DeployError(
                "There is no token to show to Hugging Face: make one with the role “write” at "
                f"{self.endpoint}/settings/tokens, then run hf auth login, or set HF_TOKEN to it."
            ) from None
        except HfHubHTTPError as error:
            raise DeployError(self._refusal(what, error)) from None
        except httpx2.HTTPError as error:
            raise DeployError(
                f"{self.endpoint} cannot be reached ({type(error).__name__}): is there a network, and a proxy to "
                "name in HTTPS_PROXY? Run the same command again; what is done already is not done twice."
            ) from None
        except ValueError as error:
            raise DeployError(f"Hugging Face's client refuses to {what}: {redact(str(error))}") from None

    def _refusal(self, what: str, error: HfHubHTTPError) -> str:
        status = error.response.status_code
        said = " ".join((error.server_message or "").split())
        words = f"Hugging Face refuses to {what} ({status}{': ' + redact(said) if said else ''})."
        return f"{words} {_MENDS.get(status, _MENDS[0]).format(endpoint=self.endpoint)}"


_MOST_LINES: Final = 5_000

_MENDS: Final[Mapping[int, str]] = {
    0: "Run the same command again in a moment; {endpoint}/settings and https://status.huggingface.co tell more.",
    400: "What it says names the value; mend that and run the same command again.",
    401: "The token is not accepted: make one with the role “write” at {endpoint}/settings/tokens, then run hf auth "
    "login, or set HF_TOKEN to it.",
    402: "This account does not have that: a free one has up to two Gradio Spaces, with --hardware zero-a10g and "
    "--visibility public or private; the rest needs a plan, {endpoint}/pricing.",
    403: "Your token or account may not do that: the token needs the role “write” for that name, see "
    "{endpoint}/settings/tokens; a free account has two Spaces on ZeroGPU at most, and an e-mail address that is "
    "verified.",
    404: "It is not there, or not for your token: is the name right, and the token yours?",
    409: "There is something of that name already; take another one.",
    412: "Somebody changed the Space meanwhile: look at its commits, then run the same command again.",
    429: "You asked too often; wait a few minutes and run the same command again.",
}
"""What to do about a refusal, by its status."""


def _volume(bucket: str) -> Volume:
    return Volume(type="bucket", source=bucket, mount_path=MOUNT, read_only=False)


def _listed(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in values.items()]
