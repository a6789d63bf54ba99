"""A stand-in for Hugging Face's API on the loopback: what a deployment asks it, and what it refuses.

    with StandInHub() as hub:
        hub.address = "http://127.0.0.1:7860"       # where each Space is
        ...                                     # HF_ENDPOINT=hub.url, HF_TOKEN=hub.token

Paths, bodies and status codes are those that its client (2.4) sends and reads, and what its documents and others'
reports tell of August 2026; the words of a refusal are its own where a report quotes them (402 on CPU Basic), and made
up elsewhere. It builds nothing: what becomes of each commit is told beforehand, stage by stage, and the next one is
seen with each look.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

BUILT = ("BUILDING", "APP_STARTING", "RUNNING")

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
FREE_ZERO_GPU_SPACES = 2


class RefusalError(Exception):
    """What the hub says no with."""

    def __init__(self, status: int, words: str, code: str = "") -> None:
        super().__init__(words)
        self.status, self.words, self.code = status, words, code


@dataclass
class Commit:
    """A commit of a Space, and the files it has then, by path."""

    title: str
    files: dict[str, bytes]
    parent: str

    @property
    def id(self) -> str:
        content = json.dumps([self.title, self.parent, {path: oid(data) for path, data in self.files.items()}])
        return hashlib.sha1(content.encode()).hexdigest()


@dataclass
class StandInSpace:
    """A Space, as the hub has it.

    Attributes:
        stages: What is seen of it, one at each look; the last one stays.
        sha: The commit that it runs, once it does.
    """

    visibility: str
    hardware: str
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    stages: list[str] = field(default_factory=lambda: ["NO_APP_FILE"])
    sha: str = ""
    restarts: int = 0

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1].files

    def at(self, revision: str) -> Commit:
        if revision == "main":
            return self.commits[-1]
        found = next((each for each in self.commits if each.id == revision), None)
        if found is None:
            raise RefusalError(404, "Invalid rev id", "RevisionNotFound")
        return found


class StandInHub:
    """The hub; a context manager.

    Attributes:
        url: Where it is.
        token: What it knows its only user by; ``role`` is what that may do.
        is_pro: Whether that user has a plan.
        spaces: What they have, by name with its owner's.
        buckets: Their buckets, and whether each is private.
        outcomes: For each commit to come, the stages that follow; without any it is built and runs.
        build_log: What a build writes.
        run_log: What the application writes.
        asked: The methods and paths of what it was asked.
        address: Where Spaces are.
        on_commit: Told of each Space that was committed to.
    """

    def __init__(self, *, is_pro: bool = False, role: str = "write") -> None:
        self.user, self.token = "ada", "hf_" + "standin" * 5
        self.is_pro, self.role = is_pro, role
        self.spaces: dict[str, StandInSpace] = {}
        self.buckets: dict[str, bool] = {}
        self.outcomes: list[tuple[str, ...]] = []
        self.build_log = ["--> RUN pip install -r requirements.txt", "ERROR: No matching distribution found for gradio"]
        self.run_log = ["Azure ML Chat is at http://0.0.0.0:7860"]
        self.asked: list[str] = []
        self.address = "http://127.0.0.1:9"
        self.on_commit: Callable[[StandInSpace], None] = lambda _: None

    def __enter__(self) -> Self:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = unquote(urlsplit(self.path).path)
                hub.asked.append(f"{self.command} {path}")
                try:
                    hub._authorize(self.command, self.headers.get("Authorization", ""))
                    answer = hub._answer(self.command, path, body)
                except RefusalError as refusal:
                    self._send(
                        refusal.status,
                        json.dumps({"error": refusal.words}).encode(),
                        {"X-Error-Message": refusal.words, **({"X-Error-Code": refusal.code} if refusal.code else {})},
                    )
                    return
                if isinstance(answer, bytes):
                    self._send(200, answer, {"Content-Type": "application/octet-stream"})
                elif isinstance(answer, Iterator):
                    self._send(200, b"".join(answer), {"Content-Type": "text/event-stream"})
                else:
                    self._send(200, json.dumps(answer).encode())

            def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - their names there

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _authorize(self, method: str, shown: str) -> None:
        if shown != f"Bearer {self.token}":
            raise RefusalError(401, "Invalid credentials in Authorization header")
        if method != "GET" and self.role == "read":
            raise RefusalError(403, "This token has no write access")

    def _answer(self, method: str, path: str, body: bytes) -> Any:
        for verb, pattern, answer in self._routes():
            found = re.fullmatch(pattern, path)
            if verb == method and found:
                return answer(*found.groups(), **({"told": _read(path, body)} if body else {}))
        raise RefusalError(404, "Sorry, we can't find the page you are looking for.")

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any]]]:
        space = r"/api/spaces/([\w.-]+/[\w.-]+)"
        yield "GET", "/api/whoami-v2", self._whoami
        yield "POST", "/api/repos/create", self._create
        yield "POST", "/api/validate-yaml", self._validate
        yield "GET", space, self._info
        yield "GET", f"{space}/revision/main", self._info
        yield "PUT", f"{space}/settings", self._settings
        yield "POST", f"{space}/hardware", self._hardware
        yield "PUT", f"{space}/volumes", self._volumes
        yield "POST", f"{space}/restart", self._restart
        yield "GET", f"{space}/runtime", self._runtime
        yield "GET", f"{space}/logs/(build|run)", self._logs
        yield "GET", f"{space}/(secrets|variables)", self._told
        yield "POST", f"{space}/(secrets|variables)", self._tell
        yield "DELETE", f"{space}/(secrets|variables)", self._forget
        yield "POST", f"{space}/preupload/main", self._preupload
        yield "POST", f"{space}/commit/main", self._commit
        yield "GET", f"{space}/commits/main", self._commits
        yield "GET", f"{space}/tree/(\\w+)", self._tree
        yield "POST", f"{space}/paths-info/(\\w+)", self._paths
        yield "GET", r"/spaces/([\w.-]+/[\w.-]+)/resolve/(\w+)/(.+)", self._resolve
        yield "POST", r"/api/buckets/([\w.-]+/[\w.-]+)", self._bucket

    def _space(self, name: str) -> StandInSpace:
        if name not in self.spaces:
            raise RefusalError(404, "Repository not found", "RepoNotFound")
        return self.spaces[name]

    def _whoami(self) -> Any:
        token = {"displayName": "deploy", "role": self.role}
        who = {"type": "user", "name": self.user, "isPro": self.is_pro, "orgs": [], "emailVerified": True}
        return {**who, "auth": {"type": "access_token", "accessToken": token}}

    def _create(self, *, told: Any) -> Any:
        name = f"{told.get('organization') or self.user}/{told['name']}"
        if not name.startswith(f"{self.user}/"):
            raise RefusalError(
                403, f"You don't have the rights to create a space under the namespace {name.split('/')[0]!r}"
            )
        if name in self.spaces:
            raise RefusalError(409, "You already created this space repo")
        space = StandInSpace(told.get("visibility", "public"), told.get("hardware", "cpu-basic"))
        self._may_run_on(space.hardware)
        self._may_be(space.visibility)
        for kind, values in (("secrets", space.secrets), ("variables", space.variables)):
            for each in told.get(kind, ()):
                values[_checked_key(each["key"])] = each["value"]
        self._may_mount(told.get("volumes", []))
        space.volumes = told.get("volumes", [])
        space.commits = [
            Commit("initial commit", {".gitattributes": b"*.bin lfs\n", "README.md": b"---\nsdk: gradio\n---\n"}, "")
        ]
        self.spaces[name] = space
        return {"url": f"{self.url}/spaces/{name}"}

    def _may_run_on(self, hardware: str) -> None:
        if self.is_pro:
            return
        if hardware == "cpu-basic":
            raise RefusalError(
                402,
                "Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free cpu-basic requires "
                "a PRO subscription. Subscribe at https://huggingface.co/pro",
            )
        if hardware != "zero-a10g":
            raise RefusalError(403, "You must add a payment method to your account to upgrade your space's hardware.")
        if sum(each.hardware == "zero-a10g" for each in self.spaces.values()) >= FREE_ZERO_GPU_SPACES:
            raise RefusalError(403, f"You can have up to {FREE_ZERO_GPU_SPACES} ZeroGPU Spaces on a free account")

    def _may_be(self, visibility: str) -> None:
        if visibility == "protected" and not self.is_pro:
            raise RefusalError(402, "Protected Spaces require a PRO subscription")

    def _may_mount(self, volumes: list[dict[str, Any]]) -> None:
        for each in volumes:
            if each["source"] not in self.buckets:
                raise RefusalError(400, f"Bucket {each['source']} not found")

    def _validate(self, *, told: Any) -> Any:
        matter = yaml.safe_load(told["content"].split("---")[1])
        if not {matter.get("colorFrom", "red"), matter.get("colorTo", "red")} <= _COLORS:
            raise RefusalError(400, "Invalid metadata in README.md")
        return {"errors": [], "warnings": []}

    def _info(self, name: str) -> Any:
        space = self._space(name)
        told = {"id": name, "sha": space.commits[-1].id, "private": space.visibility == "private", "sdk": "gradio"}
        return {**told, "visibility": space.visibility, "host": self.address}

    def _settings(self, name: str, *, told: Any) -> Any:
        self._may_be(told["visibility"])
        self._space(name).visibility = told["visibility"]
        return {}

    def _hardware(self, name: str, *, told: Any) -> Any:
        self._may_run_on(told["flavor"])
        self._space(name).hardware = told["flavor"]
        return self._runtime(name)

    def _volumes(self, name: str, *, told: Any) -> Any:
        self._may_mount(told["volumes"])
        self._space(name).volumes = told["volumes"]
        return {}

    def _restart(self, name: str) -> Any:
        space = self._space(name)
        space.restarts += 1
        space.stages = list(BUILT)
        return self._runtime(name)

    def _runtime(self, name: str) -> Any:
        space = self._space(name)
        stage = space.stages.pop(0) if len(space.stages) > 1 else space.stages[0]
        told: dict[str, Any] = {"stage": stage, "hardware": {"current": space.hardware, "requested": space.hardware}}
        told |= {"storage": None, "gcTimeout": 172800, "volumes": space.volumes or None}
        if len(space.stages) == 1 and stage == space.stages[0]:
            space.sha = space.commits[-1].id
        if space.secrets.keys() & space.variables.keys():
            told |= {"stage": "CONFIG_ERROR", "errorMessage": "Collision on variables and secrets names"}
        return told | ({"sha": space.sha} if space.sha else {})

    def _logs(self, name: str, which: str) -> Iterator[bytes]:
        self._space(name)
        for line in self.build_log if which == "build" else self.run_log:
            yield (
                b"data: "
                + json.dumps({"data": f"{line}\n", "timestamp": "2026-01-01T12:00:00.000Z"}).encode()
                + b"\n\n"
            )

    def _told(self, name: str, kind: str) -> Any:
        space = self._space(name)
        if kind == "secrets":
            return {key: {"updatedAt": "2026-01-01T12:00:00.000Z"} for key in space.secrets}
        return {key: {"value": value} for key, value in space.variables.items()}

    def _tell(self, name: str, kind: str, *, told: Any) -> Any:
        getattr(self._space(name), kind)[_checked_key(told["key"])] = told["value"]
        return self._told(name, kind)

    def _forget(self, name: str, kind: str, *, told: Any) -> Any:
        getattr(self._space(name), kind).pop(told["key"])
        return self._told(name, kind)

    def _preupload(self, name: str, *, told: Any) -> Any:
        there = self._space(name).files
        return {
            "files": [
                {
                    "path": each["path"],
                    "uploadMode": "lfs" if b"\0" in base64.b64decode(each["sample"]) else "regular",
                    "shouldIgnore": False,
                    "oid": oid(there[each["path"]]) if each["path"] in there else None,
                }
                for each in told["files"]
            ]
        }

    def _commit(self, name: str, *, told: bytes) -> Any:
        space = self._space(name)
        header, *operations = [json.loads(line) for line in told.splitlines()]
        if header["value"].get("parentCommit") not in (None, space.commits[-1].id):
            raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(space.files)
        for each in operations:
            value = each["value"]
            if each["key"] == "deletedFile":
                del files[value["path"]]
            elif each["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                raise RefusalError(400, f"This stand-in takes no {each['key']}")
        space.commits.append(Commit(header["value"]["summary"], files, space.commits[-1].id))
        space.stages = list(self.outcomes.pop(0) if self.outcomes else BUILT)
        self.on_commit(space)
        new = space.commits[-1].id
        return {"commitUrl": f"{self.url}/spaces/{name}/commit/{new}", "commitOid": new, "success": True}

    def _commits(self, name: str) -> Any:
        dated = {"authors": [{"user": self.user}], "date": "2026-01-01T12:00:00.000Z", "message": ""}
        return [{"id": each.id, "title": each.title, **dated} for each in reversed(self._space(name).commits)]

    def _tree(self, name: str, revision: str) -> Any:
        return [_entry(path, data) for path, data in self._space(name).at(revision).files.items()]

    def _paths(self, name: str, revision: str, *, told: Any) -> Any:
        files = self._space(name).at(revision).files
        return [_entry(path, files[path]) for path in told["paths"] if path in files]

    def _resolve(self, name: str, revision: str, path: str) -> bytes:
        return self._space(name).at(revision).files[path]

    def _bucket(self, name: str, *, told: Any) -> Any:
        if name in self.buckets:
            raise RefusalError(409, "You already created this bucket")
        self.buckets[name] = told.get("visibility") == "private"
        return {"url": f"{self.url}/buckets/{name}"}


def oid(data: bytes) -> str:
    """Return what Git calls a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _read(path: str, body: bytes) -> Any:
    """A body as its route takes it: a commit is lines of JSON, the paths to be told of are a form's fields."""
    if "/commit/" in path:
        return body
    return parse_qs(body.decode()) if "/paths-info/" in path else json.loads(body)


def _entry(path: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(data), "oid": oid(data)}


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise RefusalError(400, f"Invalid name {key!r}")
    return key
